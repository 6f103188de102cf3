package ecmascript

import (
	"strings"
	"testing"
	"time"
)

func TestCompile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, flags, text string
		want                 string // the groups, "-" for one that took no part; "none" for no match
	}{
		{`a.c`, "", "a\nc", "none"},
		{`a.c`, "", "a\u2028c", "none"},
		{`a.c`, "s", "a\nc", "a\nc"},
		{`a$`, "", "a\n", "none"},
		{`^b$`, "m", "a\rb\nc", "b"},
		{`^b`, "", "a\nb", "none"},
		{`[^]b`, "", "\nb", "\nb"},
		{`[]`, "", "a", "none"},
		{`[[:alpha:]]`, "", "a]", "a]"},
		{`[a-z-[aeiou]]`, "", "-]", "-]"},
		{`[\d-x]+`, "", "1-x", "1-x"},
		{`[a-\d]+`, "", "a-1", "a-1"},
		{`[.*+^-]+`, "", "a^.-", "^.-"},
		{`[\b]`, "", "a\b", "\b"},
		{`[\c1]`, "", "\x11", "\x11"},
		{`\cA\c`, "", "\x01\\c", "\x01\\c"},
		{`\A\Z\z\G\e`, "", "AZzGe", "AZzGe"},
		{`\p{L}`, "", "p{L}", "p{L}"},
		{`\p{L}+`, "u", "1éa", "éa"},
		{`\p{Script=Greek}`, "u", "aα", "α"},
		{`\u{3}`, "", "uuu", "uuu"},
		{`\u{61}`, "u", "a", "a"},
		{`\u`, "", "u", "u"},
		{`\x`, "", "x", "x"},
		{`\u0061\x62\x6`, "", "abx6", "abx6"},
		{`a{,2}`, "", "a{,2}", "a{,2}"},
		{`{`, "", "{", "{"},
		{`(a)|(b)`, "", "b", "b|-|b"},
		{`(?<x>.)(.)(?<y>.)`, "", "abc", "abc|a|b|c"},
		{`(?<x>.)\k<x>`, "", "abb", "bb|b"},
		{`\k<x>`, "", "k<x>", "k<x>"},
		{`\1(a)`, "", "a", "a|a"},
		{`(a)\10`, "", "a\b", "a\b|a"},
		{`\8`, "", "8", "8"},
		{`\01`, "", "\x01", "\x01"},
		{`\400`, "", " 0", " 0"},
		{`(?<=v)\d(?!\.)`, "", "1.v2", "2"},
		{`\bé`, "", "aé", "é"},
		{`\b`, "", "é", "none"},
		{`\w+`, "", "éa", "a"},
		{`É`, "i", "é", "é"},
		{`(?i:A)B`, "", "aB", "aB"},
		{``, "", "x", ""},
	} {
		re, err := Compile(test.pattern, test.flags)
		if err != nil {
			t.Errorf("/%s/%s: %v", test.pattern, test.flags, err)
			continue
		}
		m, err := re.FindStringMatch(test.text)
		if err != nil {
			t.Errorf("/%s/%s: %v", test.pattern, test.flags, err)
			continue
		}
		got := []string{"none"}
		if m != nil {
			got = nil
			for _, g := range m.Groups() {
				if len(g.Captures) == 0 {
					got = append(got, "-")
				} else {
					got = append(got, g.String())
				}
			}
		}
		if strings.Join(got, "|") != test.want {
			t.Errorf("/%s/%s on %q: %q, want %q", test.pattern, test.flags, test.text, got, test.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ pattern, flags string }{
		{`(`, ""}, {`)`, ""}, {`[`, ""}, {`[a`, ""}, {`*`, ""}, {`a**`, ""}, {`a++`, ""}, {`^*`, ""}, {`\b+`, ""}, {`${2}`, ""}, {`\`, ""}, {`[\`, ""},
		{`(?>a)`, ""}, {`(?i)a`, ""}, {`(?#a)`, ""}, {`(?P<x>a)`, ""}, {`(?'x'a)`, ""}, {`(?<1>a)`, ""}, {`(?(1)a)`, ""},
		{`[z-a]`, ""}, {`(?<x>a)\k<y>`, ""}, {`(?<x>a)\k`, ""},
		{`\A`, "u"}, {`\-`, "u"}, {`{`, "u"}, {`]`, "u"}, {`\1`, "u"}, {`\01`, "u"}, {`\p`, "u"}, {`\p{Foo}`, "u"}, {`[\d-a]`, "u"}, {`[a-\d]`, "u"}, {`\u{110000000}`, "u"}, {`\u`, "u"}, {`\k`, "u"},
		{`[(]`, "v"}, {`[[a]]`, "v"},
		{`a`, "x"}, {`a`, "gg"}, {`a`, "uv"},
	} {
		if re, err := Compile(test.pattern, test.flags); err == nil {
			t.Errorf("/%s/%s is taken, as %s", test.pattern, test.flags, re)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`(?<x>\d)(.)`, `[a-`, `(?<=\b)\u{1F600}[^]\p{L}\cA`, `[\d-\w]\k<x>\10`, `{1,2}a{,2}`, "\\\xff[\xff-\\"} {
		f.Add(seed, "gi", "1.2")
		f.Add(seed, "u", "é")
	}
	f.Fuzz(func(_ *testing.T, pattern, flags, text string) {
		re, err := Compile(pattern, flags)
		if err != nil {
			return
		}
		re.MatchTimeout = time.Second
		_, _ = re.FindStringMatch(text) // what is found is not the point
	})
}
