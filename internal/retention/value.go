package retention

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/org/release-actions/internal/hint"
)

const day = 24 * time.Hour

// Age is a span of time as people write it: "90d", "2 weeks", "1 year". A month
// is 30 days, a year 365.
type Age time.Duration

var (
	ageGrammar = regexp.MustCompile(`^(\d{1,6}) ?([a-z]+)$`)
	ageUnits   = map[string]time.Duration{
		"s": time.Second, "second": time.Second, "m": time.Minute, "min": time.Minute, "minute": time.Minute, "h": time.Hour, "hour": time.Hour,
		"d": day, "day": day, "w": 7 * day, "week": 7 * day, "month": 30 * day, "y": 365 * day, "year": 365 * day,
	}
)

// UnmarshalText parses a number and a unit.
func (a *Age) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*a = 0
		return nil
	}
	m := ageGrammar.FindStringSubmatch(strings.ToLower(string(text)))
	if m == nil {
		return badAge(text)
	}
	name := m[2]
	if len(name) > 2 {
		name = strings.TrimSuffix(name, "s")
	}
	unit, known := ageUnits[name]
	n, err := strconv.Atoi(m[1])
	if !known || err != nil || time.Duration(n) > (1<<63-1)/unit {
		return badAge(text)
	}
	*a = Age(time.Duration(n) * unit)
	return nil
}

func badAge(text []byte) error {
	return hint.Wrap(fmt.Errorf("%q is not an age", text), "write a number and a unit, as in \"90d\", \"12h\" or \"2 weeks\"")
}

// String returns the age in the largest unit that it has a whole number of.
func (a Age) String() string {
	unit := "s"
	for _, name := range []string{"m", "h", "d"} {
		if time.Duration(a)%ageUnits[name] == 0 {
			unit = name
		}
	}
	return strconv.FormatInt(int64(time.Duration(a)/ageUnits[unit]), 10) + unit
}

// Duration returns the age as Go has it.
func (a Age) Duration() time.Duration { return time.Duration(a) }

// MarshalText returns String.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Latest is how many of the highest versions stay: of all, or of each major or
// minor line: "3", "2 per major", "1 per minor". Its zero value is none.
type Latest struct {
	Count int
	Per   string // "", "major" or "minor"
}

var latestGrammar = regexp.MustCompile(`^(\d{1,9})(?: +per +(major|minor))?$`)

// UnmarshalText parses a number and what it is for.
func (l *Latest) UnmarshalText(text []byte) error {
	m := latestGrammar.FindSubmatch(text)
	if m == nil {
		return hint.Wrap(fmt.Errorf("%q is not a number of versions", text), "write it as in \"3\", \"2 per major\" or \"1 per minor\"")
	}
	l.Count, _ = strconv.Atoi(string(m[1])) // the grammar holds digits only
	l.Per = string(m[2])
	return nil
}

// String returns what UnmarshalText parses.
func (l Latest) String() string {
	s := strconv.Itoa(l.Count)
	if l.Per != "" {
		s += " per " + l.Per
	}
	return s
}

// MarshalText returns String.
func (l Latest) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// group names what v competes with others in.
func (l Latest) group(v tagVersion) string {
	switch l.Per {
	case "major":
		return fmt.Sprintf("%s %d", v.line, v.version.Major())
	case "minor":
		return fmt.Sprintf("%s %d.%d", v.line, v.version.Major(), v.version.Minor())
	}
	return v.line
}

// Limit is how much may go in one run: a number of versions, or a share of those
// that are there: "50", "20%".
type Limit struct {
	Number int
	Share  bool // Number is in percent
}

var limitGrammar = regexp.MustCompile(`^(\d{1,9})(%?)$`)

// UnmarshalText parses a number or a share.
func (l *Limit) UnmarshalText(text []byte) error {
	m := limitGrammar.FindSubmatch(text)
	if m == nil {
		return hint.Wrap(fmt.Errorf("%q is neither a number nor a share", text), "write it as in \"50\" or \"20%%\"")
	}
	n, _ := strconv.Atoi(string(m[1])) // the grammar holds digits only
	l.Number, l.Share = n, len(m[2]) > 0
	if l.Share && n > 100 {
		return hint.Wrap(fmt.Errorf("%q is more than all", text), "write 100%% at most")
	}
	return nil
}

// String returns what UnmarshalText parses.
func (l Limit) String() string {
	if l.Share {
		return strconv.Itoa(l.Number) + "%"
	}
	return strconv.Itoa(l.Number)
}

// MarshalText returns String.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Of returns how many of n versions may go.
func (l Limit) Of(n int) int {
	if l.Share {
		return n * l.Number / 100
	}
	return l.Number
}
