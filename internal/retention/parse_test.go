package retention

import (
	"fmt"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

func TestPatternsMatchTags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ patterns, matched, others string }{
		{"pr-*, edge", "pr-1 pr- edge", "pr edge1 xpr-1"},
		{"v1.[0-9]", "v1.2", "v1.23 1.2"},
		{"*", "a 1.2.3 latest", ""},
		{"/^sha-[0-9a-f]{7,40}$/", "sha-0123456", "sha-01 xsha-0123456"},
		{"/rc/\n/beta/", "1-rc.1 beta", "1.0"},
		{">=1.0.0, <2.0.0", "1.0.0 v1.9.9 1.2 1.2.3-alpine app-1.2.3", "2.0.0 0.9.0 1.2.3-rc.1 latest 1 20240101"},
		{"^1.2\n~2.0.1", "1.2.0 1.9.0 2.0.9", "1.1.0 2.1.0 2.0.0"},
		{">=1.0.0-0", "1.0.0-rc.1 1.2.3", "0.9.0"},
		{"=1.2.3", "1.2.3 v1.2.3 1.2.3-slim", "1.2.4"},
		{"sha256:" + strings.Repeat("a", 64), "", "sha256 a"},
		{"", "", "a latest"},
	} {
		var p Patterns
		if err := p.UnmarshalText([]byte(test.patterns)); err != nil {
			t.Errorf("%q: %v", test.patterns, err)
			continue
		}
		for tag := range strings.FieldsSeq(test.matched) {
			if p.tag(tag) == "" {
				t.Errorf("%q doesn't match %q", test.patterns, tag)
			}
		}
		for tag := range strings.FieldsSeq(test.others) {
			if by := p.tag(tag); by != "" {
				t.Errorf("%q matches %q", by, tag)
			}
		}
	}
}

func TestTagsAreReadAsVersions(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"1.2.3": " |1.2.3", "v1.2.3": " |1.2.3", "1.2": " |1.2.0", "2026.08.01": " |2026.8.1",
		"1.2.3-rc.1": " |1.2.3-rc.1 pre", "1.2.3-beta": " |1.2.3-beta pre", "v1.3-RC1": " |1.3.0-RC1 pre", "1.0.0-SNAPSHOT": " |1.0.0-SNAPSHOT pre", "1.2.3-rc.1_amd64": " |1.2.3-rc.1-amd64 pre",
		"1.2.3-alpine": " alpine|1.2.3", "1.2.3-alpine3.20": " alpine3.20|1.2.3", "1.2.3-1": " 1|1.2.3", "1.2.3-amd64": " amd64|1.2.3", "1.2.3-bookworm": " bookworm|1.2.3",
		"app-1.2.3": "app |1.2.3", "my-app-v1.2.3-rc.2": "my-app |1.2.3-rc.2 pre", "app-1.2": "",
		"latest": "", "main": "", "1": "", "20260801": "", "sha-0123456": "", "1.2.3.4": "", "rc-1.2": "", "1.2.3-": "", "99999999999.0.0": "",
	} {
		got := ""
		if v, ok := parseTag(tag); ok {
			got = v.line + "|" + v.version.String()
			if v.pre() {
				got += " pre"
			}
		}
		if got != want {
			t.Errorf("%q is %q, want %q", tag, got, want)
		}
	}
}

func TestAgesNumbersAndShares(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"90d": "90d", "2 weeks": "14d", "1 year": "365d", "12h": "12h", "36 hours": "36h", "90 minutes": "90m", "45s": "45s", "0": "0d", "3 Months": "90d", "10 min": "10m"} {
		var a Age
		if err := a.UnmarshalText([]byte(text)); err != nil || a.String() != want {
			t.Errorf("age %q is %s, %v; want %s", text, a, err, want)
		}
	}
	for _, text := range []string{"3", "2 per major", "1 per minor", "0"} {
		var l Latest
		if err := l.UnmarshalText([]byte(text)); err != nil || l.String() != text {
			t.Errorf("latest %q is %s, %v", text, l, err)
		}
	}
	for text, want := range map[string]int{"50": 50, "20%": 2, "100%": 13, "0": 0} {
		var l Limit
		if err := l.UnmarshalText([]byte(text)); err != nil || l.String() != text || l.Of(13) != want {
			t.Errorf("limit %q is %s, %v, and %d of 13", text, l, err, l.Of(13))
		}
	}
}

type parser interface{ UnmarshalText([]byte) error }

func TestWhatIsWrongIsToldOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		into             parser
		text, want, mend string
	}{
		{&Patterns{}, "pr-[", `pattern "pr-[" is no glob`, `"pr-*"`},
		{&Patterns{}, "ghcr.io/acme/app:1", "is no glob for a tag", "without a repository"},
		{&Patterns{}, "/(/", `regular expression "/(/"`, "regexp/syntax"},
		{&Patterns{}, "/abc", "no slash at its end", "one a line"},
		{&Patterns{}, ">=one", `range of versions ">=one"`, "^1.4"},
		{&Patterns{}, "sha256:12", `digest "sha256:12"`, ""},
		{new(Age), "90", `"90" is not an age`, `"90d"`},
		{new(Age), "90ms", "is not an age", "2 weeks"},
		{new(Age), "999999 years", "is not an age", "12h"},
		{new(Age), "-1d", "is not an age", ""},
		{&Latest{}, "two", `"two" is not a number of versions`, "per minor"},
		{&Limit{}, "150%", "more than all", "100% at most"},
		{&Limit{}, "half", "neither a number nor a share", `"20%"`},
		{&Rules{}, "untagged: true", "line 1 is not a list item", "- untagged: true"},
		{&Rules{}, "- keep-newest: 3", "rule 1: nothing says what goes", "delete-tags: *"},
		{&Rules{}, "- untagged: true\n- tags: x", `rule 2: line 2: "tags" is no key of a rule`, "write one of broken, delete-tags"},
		{&Rules{}, "- untagged: yes", `"yes" is not a boolean`, "true or false"},
		{&Rules{}, "- untagged: true\n  keep-newest: ten", `line 2: "keep-newest": "ten" is not a whole number`, ""},
		{&Rules{}, "- untagged: true\n  keep-newest: -1", "less than none", ""},
		{&Rules{}, "- untagged: true\n  untagged: true", `line 2: "untagged" is given twice`, ""},
		{&Rules{}, "- delete-tags: {a: b}", "is not plain text", "patterns in quotes"},
		{&Rules{}, "- delete-tags: *", "is not YAML", "patterns in quotes"},
	} {
		err := test.into.UnmarshalText([]byte(test.text))
		if err == nil || strings.Count(err.Error(), test.want) != 1 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error %v, want one with %q", test.text, err, test.want)
		}
		if mend := strings.Join(hint.Of(err), "; "); !strings.Contains(mend, test.mend) {
			t.Errorf("%q: mend %q lacks %q", test.text, mend, test.mend)
		}
	}
}

func TestRulesAreYAML(t *testing.T) {
	t.Parallel()
	var got Rules
	err := got.UnmarshalText([]byte(`
- untagged: true
  keep-newest: 10
- delete-tags: ["pr-*", "/a,b/"]
  keep-tags: pr-1, pr-2
  older-than: 90 days
  keep-latest: 2 per minor
  pre-releases: true
  orphans: true
  broken: false
  oldest: 3
`))
	want := Rule{
		PreReleases: true, Orphans: true, OlderThan: Age(90 * day), KeepLatest: Latest{2, "minor"}, Oldest: 3,
	}
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].Untagged != true || got[0].KeepNewest != 10 {
		t.Errorf("the first is %+v", got[0])
	}
	rule := got[1]
	if rule.DeleteTags.tag("pr-7") == "" || rule.DeleteTags.tag("a,b") == "" || rule.KeepTags.tag("pr-2") == "" || rule.KeepTags.tag("pr-3") != "" {
		t.Errorf("patterns are %v and %v", rule.DeleteTags, rule.KeepTags)
	}
	rule.DeleteTags, rule.KeepTags = nil, nil
	if fmt.Sprint(rule) != fmt.Sprint(want) {
		t.Errorf("the second is %+v, want %+v", rule, want)
	}
	if err := (&Rules{}).UnmarshalText([]byte("\n")); err != nil {
		t.Errorf("no rules: %v", err)
	}
}

func fuzzText[T any, P interface {
	*T
	parser
	MarshalText() ([]byte, error)
}](f *testing.F, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var once, twice T
		if P(&once).UnmarshalText([]byte(s)) != nil {
			return
		}
		text, err := P(&once).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := P(&twice).UnmarshalText(text); err != nil {
			t.Fatalf("%q is written as %q: %v", s, text, err)
		}
		if again, err := P(&twice).MarshalText(); err != nil || string(again) != string(text) {
			t.Errorf("%q is written as %q, then as %q, %v", s, text, again, err)
		}
	})
}

func FuzzPatterns(f *testing.F) {
	fuzzText[Patterns](f, "pr-*, a\n/b/\n>=1, <2", "sha256:"+strings.Repeat("a", 64), "[", "/", "~1", ",")
}
func FuzzAge(f *testing.F)    { fuzzText[Age](f, "90d", "2 weeks", "0", "1 year", "90 min") }
func FuzzLatest(f *testing.F) { fuzzText[Latest](f, "3", "1 per minor") }
func FuzzLimit(f *testing.F)  { fuzzText[Limit](f, "3", "20%") }

func FuzzRules(f *testing.F) {
	for _, s := range []string{"- untagged: true", "- delete-tags: [a, b]\n  keep-latest: 1 per minor", "- {}", "[[]]", "- ? a\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var rules Rules
		if rules.UnmarshalText([]byte(s)) != nil {
			return
		}
		for _, rule := range rules {
			if err := rule.Validate(); err != nil {
				t.Errorf("%q: %v", s, err)
			}
		}
	})
}

func FuzzTag(f *testing.F) {
	for _, s := range []string{"v1.2.3-rc.1", "app-1.2.3-alpine", "1.2", "sha256-" + strings.Repeat("a", 64) + ".sig"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok := parseTag(s); ok && v.version.Major() > 999_999_999 {
			t.Errorf("%q is version %s", s, v.version)
		}
		if d, ok := tagSubject(s); ok && !strings.HasPrefix(s, "sha256-"+d.Hex()) {
			t.Errorf("%q belongs to %s", s, d)
		}
	})
}
