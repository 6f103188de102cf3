package metadata

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // runners without a time zone database must know {{date tz=…}}
)

// Dates are written in the tokens of Moment.js, "YYYYMMDD", in English.
//
// https://momentjs.com/docs/#/displaying/format/

var (
	longDates = regexp.MustCompile(`\[[^\[]*\]|\\?(?:LTS|LT|LL?L?L?|l{1,4})`)
	// A newline is no token and is left out, as the peer's dates do.
	dateTokens = regexp.MustCompile(`\[[^\[]*\]|\\?(?:[Hh]mm(?:ss)?|Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|wo|ww?|Wo|WW?|Qo?|` +
		`N{1,5}|YYYYYY|YYYYY|YYYY|YY|y{2,4}|yo?|gg(?:ggg?)?|GG(?:GGG?)?|e|E|a|A|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?|.)`)
)

var longDate = map[string]string{
	"LT": "h:mm A", "LTS": "h:mm:ss A", "L": "MM/DD/YYYY", "LL": "MMMM D, YYYY",
	"LLL": "MMMM D, YYYY h:mm A", "LLLL": "dddd, MMMM D, YYYY h:mm A",
	"l": "M/D/YYYY", "ll": "MMM D, YYYY", "lll": "MMM D, YYYY h:mm A", "llll": "ddd, MMM D, YYYY h:mm A",
}

// formatDate writes t by layout; an empty layout is ISO 8601's.
func formatDate(t time.Time, layout string) string {
	if layout == "" {
		layout = "YYYY-MM-DDTHH:mm:ssZ"
		if _, offset := t.Zone(); offset == 0 && t.Location() != noZone {
			layout = "YYYY-MM-DDTHH:mm:ss[Z]"
		}
	}
	layout = longDates.ReplaceAllStringFunc(layout, func(token string) string {
		if long, ok := longDate[token]; ok {
			return long
		}
		return token
	})
	var out strings.Builder
	for _, token := range dateTokens.FindAllString(layout, -1) {
		text, ok := dateToken(t, token)
		switch {
		case ok:
			out.WriteString(text)
		case len(token) > 1 && token[0] == '[':
			out.WriteString(strings.TrimSuffix(token[1:], "]"))
		default:
			out.WriteString(strings.ReplaceAll(token, `\`, ""))
		}
	}
	return out.String()
}

// dateToken returns what a token stands for.
func dateToken(t time.Time, token string) (string, bool) {
	if base, ok := strings.CutSuffix(token, "o"); ok {
		if n, ok := dateNumber(t, base); ok {
			return ordinal(n), true
		}
	}
	if n, ok := dateNumber(t, token[:1]); ok && strings.Count(token, token[:1]) == len(token) && len(token) <= numberWidth[token[0]] {
		return pad(n, len(token)), true
	}
	switch token {
	case "Y", "y", "yy", "yyy", "yyyy":
		return pad(t.Year(), max(4*strings.Count(token, "Y"), len(token))), true
	case "YY", "YYYY", "YYYYY":
		return lastDigits(t.Year(), len(token)), true
	case "YYYYYY":
		return fmt.Sprintf("%+07d", t.Year()), true
	case "gg", "gggg", "ggggg":
		year, _ := week(t)
		return lastDigits(year, len(token)), true
	case "GG", "GGGG", "GGGGG":
		year, _ := t.ISOWeek()
		return lastDigits(year, len(token)), true
	case "DDD":
		return strconv.Itoa(t.YearDay()), true
	case "DDDD":
		return pad(t.YearDay(), 3), true
	case "MMM", "MMMM":
		return t.Format(map[int]string{3: "Jan", 4: "January"}[len(token)]), true
	case "dd", "ddd", "dddd":
		return t.Weekday().String()[:map[int]int{2: 2, 3: 3, 4: len(t.Weekday().String())}[len(token)]], true
	case "N", "NN", "NNN", "NNNNN":
		return "AD", true
	case "NNNN":
		return "Anno Domini", true
	case "A":
		return t.Format("PM"), true
	case "a":
		return t.Format("pm"), true
	case "hmm", "hmmss":
		return strconv.Itoa(hour12(t)) + t.Format(map[int]string{3: "04", 5: "0405"}[len(token)]), true
	case "Hmm", "Hmmss":
		return strconv.Itoa(t.Hour()) + t.Format(map[int]string{3: "04", 5: "0405"}[len(token)]), true
	case "X":
		return strconv.FormatInt(t.Unix(), 10), true
	case "x":
		return strconv.FormatInt(t.UnixMilli(), 10), true
	case "Z":
		return t.Format("-07:00"), true
	case "ZZ":
		return t.Format("-0700"), true
	case "z", "zz":
		name, _ := t.Zone()
		return name, true
	}
	if strings.Trim(token, "S") == "" {
		fraction := fmt.Sprintf("%03d000000", t.Nanosecond()/int(time.Millisecond))
		return fraction[:len(token)], true
	}
	return "", false
}

// numberWidth says up to how many digits the one-letter tokens are padded.
var numberWidth = map[byte]int{'M': 2, 'D': 2, 'd': 1, 'e': 1, 'E': 1, 'w': 2, 'W': 2, 'Q': 1, 'H': 2, 'h': 2, 'k': 2, 'm': 2, 's': 2}

// dateNumber returns what a token stands for that is a number.
func dateNumber(t time.Time, token string) (int, bool) {
	switch token {
	case "M":
		return int(t.Month()), true
	case "D":
		return t.Day(), true
	case "DDD":
		return t.YearDay(), true
	case "d", "e":
		return int(t.Weekday()), true
	case "E":
		return (int(t.Weekday())+6)%7 + 1, true
	case "w":
		_, w := week(t)
		return w, true
	case "W":
		_, w := t.ISOWeek()
		return w, true
	case "Q":
		return (int(t.Month()) + 2) / 3, true
	case "H":
		return t.Hour(), true
	case "h":
		return hour12(t), true
	case "k":
		return (t.Hour()+23)%24 + 1, true
	case "m":
		return t.Minute(), true
	case "s":
		return t.Second(), true
	case "y":
		return t.Year(), true
	}
	return 0, false
}

func hour12(t time.Time) int { return (t.Hour()+11)%12 + 1 }

// week returns the year and week as English calendars count: weeks start on
// Sunday, and week 1 has January 1st in it.
func week(t time.Time) (year, week int) {
	saturday := t.AddDate(0, 0, 6-int(t.Weekday()))
	return saturday.Year(), (saturday.YearDay()-1)/7 + 1
}

func pad(n, width int) string { return fmt.Sprintf("%0*d", width, n) }

// lastDigits writes a year in width digits; two are its last ones.
func lastDigits(year, width int) string {
	if width == 2 {
		year %= 100
	}
	return pad(year, width)
}

func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// noZone stands for a time zone that nobody knows: UTC without a name.
var noZone = time.FixedZone("", 0)

var wordStart = regexp.MustCompile(`(^|[/_-])[a-z]`)

// timeZones are the names of the IANA database that have no area, in upper
// case, and those whose words don't just start with a capital.
var timeZones = func() map[string]string {
	const names = "CET CST6CDT Cuba EET Egypt Eire EST EST5EDT GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich Hongkong HST Iceland Iran Israel Jamaica Japan " +
		"Kwajalein Libya MET MST MST7MDT Navajo NZ NZ-CHAT Poland Portugal PRC PST8PDT ROC ROK Singapore Turkey UCT Universal UTC W-SU WET Zulu " +
		"Africa/Dar_es_Salaam America/Argentina/ComodRivadavia America/Knox_IN America/Port-au-Prince America/Port_of_Spain Antarctica/DumontDUrville " +
		"Antarctica/McMurdo Australia/ACT Australia/LHI Australia/NSW Brazil/DeNoronha Chile/EasterIsland Etc/UCT Etc/UTC Europe/Isle_of_Man " +
		"Mexico/BajaNorte Mexico/BajaSur"
	zones := map[string]string{}
	for name := range strings.FieldsSeq(names) {
		zones[strings.ToUpper(name)] = name
	}
	return zones
}()

var timeZoneAreas = regexp.MustCompile(`^(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)/`)

// timeZone finds a time zone by its name in the IANA database, in any case.
// Names that only this machine's database has, as its copies of others, are
// unknown, so that a date is the same everywhere.
func timeZone(name string) (*time.Location, bool) {
	spelling, ok := timeZones[strings.ToUpper(name)]
	if !ok {
		spelling = wordStart.ReplaceAllStringFunc(strings.ToLower(name), strings.ToUpper)
		spelling = strings.NewReplacer("Us/", "US/", "Etc/Gmt", "Etc/GMT").Replace(spelling)
		if !timeZoneAreas.MatchString(spelling) {
			return noZone, false
		}
	}
	zone, err := time.LoadLocation(spelling)
	if err != nil {
		return noZone, false
	}
	return zone, true
}
