package metadata

import (
	"strings"
	"testing"
)

func TestPatternsAreRegularExpressionsOfTheRunnersLanguage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, text string
		want          string // groups, "-" for one that took no part; "" for no match
	}{
		{`v(\d+)\.(\d+)`, "app-v1.2.3", "v1.2|1|2"},
		{`/V(\d+)/i`, "v1", "v1|1"},
		{`/v(\d)/g`, "v1v2", "v1|v2"},
		{`/b/y`, "ab", ""},
		{`/^b$/m`, "a\nb", "b"},
		{`/a.b/s`, "a\nb", "a\nb"},
		{`(\d)\.\1`, "1.2.2", "2.2|2"},
		{`(?<x>\d)(.)(?<y>\d)`, "1.2", "1.2|1|.|2"},
		{`(?<=v)\d`, "v1", "1"},
		{`[(?<a>]+(b)`, "<b", "<b|b"},
		{`(a)|(b)`, "b", "b|-|b"},
		{`(?<x>\d)\k<x>`, "122", "22|2"},
		{`\d{1`, `1{1`, "1{1"},
		{"x", "y", ""},
	} {
		groups, err := matchPattern(test.pattern, test.text)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		var got []string
		for _, g := range groups {
			if g == nil {
				got = append(got, "-")
			} else {
				got = append(got, *g)
			}
		}
		if strings.Join(got, "|") != test.want {
			t.Errorf("%s on %q: %q, want %q", test.pattern, test.text, got, test.want)
		}
	}
}

func TestAPatternThatTakesForEverIsGivenUp(t *testing.T) {
	t.Parallel()
	if _, err := matchPattern(`(x+x+)+y`, strings.Repeat("x", 200)); err == nil {
		t.Error("no error")
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add(`/(?<x>\d)(.)/gi`, "1.2")
	f.Add(`[a-`, "x")
	f.Add(`(?<=\b)\u{1F600}[^]\p{L}\cA`, "é")
	f.Fuzz(func(_ *testing.T, pattern, text string) {
		if groups, err := matchPattern(pattern, text); err == nil {
			groups.at("0")
		}
	})
}
