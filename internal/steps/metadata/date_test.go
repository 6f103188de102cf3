package metadata

import (
	"testing"
	"time"
)

func TestFormatDate(t *testing.T) {
	t.Parallel()
	at := time.Date(2023, time.December, 31, 23, 5, 9, 4e6, time.UTC)
	for layout, want := range map[string]string{
		"YYYYMMDD":                   "20231231",
		"YYYYMMDD-HHmmss":            "20231231-230509",
		"":                           "2023-12-31T23:05:09Z",
		"[week] W [of] GGGG":         "week 52 of 2023",
		"w ww gg gggg":               "1 01 24 2024",
		"Y y YY YYYYY YYYYYY":        "2023 2023 23 02023 +002023",
		"Mo Do DDDo Qo do wo Wo yo":  "12th 31st 365th 4th 0th 1st 52nd 2023rd",
		"d dd ddd dddd e E":          "0 Su Sun Sunday 0 7",
		"D DD DDD DDDD":              "31 31 365 365",
		"MMM MMMM":                   "Dec December",
		"H HH h hh k kk a A":         "23 23 11 11 23 23 pm PM",
		"m mm s ss S SS SSS SSSSSS":  "5 05 9 09 0 00 004 004000",
		"hmm hmmss Hmm Hmmss":        "1105 110509 2305 230509",
		"X x":                        "1704063909 1704063909004",
		"Z ZZ z zz":                  "+00:00 +0000 UTC UTC",
		"LT | LTS | L | LLLL | llll": "11:05 PM | 11:05:09 PM | 12/31/2023 | Sunday, December 31, 2023 11:05 PM | Sun, Dec 31, 2023 11:05 PM",
		"N NN NNN NNNN NNNNN":        "AD AD AD Anno Domini AD",
		`\Y [Y] [Y Y`:                "Y Y [2023 2023",
		"éè foo":                     "éè foo",
	} {
		if got := formatDate(at, layout); got != want {
			t.Errorf("%q: %q, want %q", layout, got, want)
		}
	}
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 102: "102nd", 111: "111th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestTimeZonesAreFoundByTheirNames(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, time.July, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, want string
		known      bool
	}{
		{"Asia/Tokyo", "21:00 JST", true},
		{"asia/tokyo", "21:00 JST", true},
		{"utc", "12:00 UTC", true},
		{"America/Port-au-Prince", "08:00 EDT", true},
		{"Asia/Kathmandu", "17:45 +0545", true},
		{"Nowhere/City", "12:00 ", false},
		{"../../etc/passwd", "12:00 ", false},
		{"Local", "12:00 ", false},
		{"+02:00", "12:00 ", false},
	} {
		zone, known := timeZone(test.name)
		if got := formatDate(at.In(zone), "HH:mm z"); got != test.want || known != test.known {
			t.Errorf("%q: %q, known %v; want %q, %v", test.name, got, known, test.want, test.known)
		}
	}
}

func FuzzFormatDate(f *testing.F) {
	f.Add("YYYY[x]\\Y", int64(1710027917))
	f.Add("LLLL llll [", int64(-62135596801))
	f.Add("DDDDo SSSSSSSSSS gggggg", int64(253402300800))
	f.Fuzz(func(_ *testing.T, layout string, unix int64) {
		formatDate(time.Unix(unix%(1<<38), 0).UTC(), layout)
	})
}
