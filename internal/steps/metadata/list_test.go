package metadata

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestListsAreReadLineByLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want List
	}{
		{"", nil},
		{"a\nb", List{{1, "a"}, {2, "b"}}},
		{"a\r\nb\r\nc", List{{1, "a"}, {2, "b"}, {3, "c"}}},
		{"a\rb\r\rc", List{{1, "a"}, {2, "b"}, {4, "c"}}},
		{"a\r\nb\nc\r\nd", List{{1, "a"}, {2, "b\nc"}, {4, "d"}}}, // line ends are all like the first
		{"a\nb\rc\n#\rd\ne", List{{1, "a"}, {2, "b\rc"}, {5, "e"}}},
		{"# x\n\n  \n a \n#b\n", List{{3, ""}, {4, "a"}}},
		{"\"a\"#b\n\"\"#b\n\"a\"\"#b\"#c", List{{1, "a#b"}, {3, `a"#b#c`}}},
		{"a # b\n # c", List{{1, "a # b"}, {2, "# c"}}},
		{"a,b,\n,c", List{{1, "a,b,"}, {2, ",c"}}},
		{`"x=he said ""hi"""`, List{{1, `x=he said "hi"`}}},
		{"\"a\nb\",c\nd", List{{1, "a\nb,c"}, {3, "d"}}},
		{`x="y"` + "\n" + `z=a"b`, List{{1, `x="y"`}, {2, `z=a"b`}}},
		{`"a" b,c`, List{{1, `"a" b,c`}}},
		{"\ufeffa\u00a0", List{{1, "a"}}},
	} {
		var got List
		if err := got.UnmarshalText([]byte(test.text)); err != nil {
			t.Errorf("%q: %v", test.text, err)
		} else if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: - want, + got\n%s", test.text, diff)
		}
	}
	var l List
	if err := l.UnmarshalText([]byte("a\n\"b")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("an open quote: %v", err)
	}
}

func TestAttributesAreReadFromAnEntry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		cut  bool
		want []string
	}{
		{"type=raw,value=a=b", false, []string{"type:raw", "value:a=b"}},
		{" Type = raw , x ", false, []string{"type:raw", ":x"}},
		{"=raw", false, []string{":=raw"}},
		{" =raw", false, []string{"=:raw"}},
		{"name=a=b,c", true, []string{"name:a", ":c"}},
		{"=raw", true, []string{"=:raw"}},
		{`a,"b,c"`, false, []string{":a", ":b,c"}},
		{"a\nb", false, []string{":a"}},
	} {
		var got []string
		err := Entry{1, test.text}.attributes(test.cut, func(key, value string) error {
			got = append(got, key+":"+value)
			return nil
		})
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v; - want, + got\n%s", test.text, err, diff)
		}
	}
	for _, text := range []string{`a"b`, `"a"b`, `"a`, ``} {
		if err := (Entry{7, text}).attributes(false, func(string, string) error { return nil }); err == nil || !strings.Contains(err.Error(), "line 7") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzList reads lists. Each entry names a line that there is, in order, and its
// fields can be read or are refused.
func FuzzList(f *testing.F) {
	for _, seed := range []string{"a\nb", "\"a\nb\",c\r\n#d\r\n", "\"a\"\"b\"#c\n\"", "\r\r\na,\ufeff\n", "a\"b\n\"a\"b,\"c\"", "# \"x\n\"y,\n#\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var list List
		if err := list.UnmarshalText([]byte(text)); err != nil {
			return
		}
		line := 1
		for _, entry := range list {
			if entry.Line < line || entry.Line > 1+strings.Count(text, "\n")+strings.Count(text, "\r") {
				t.Errorf("%q: entry %q is in line %d", text, entry.Text, entry.Line)
			}
			line = entry.Line
			_ = entry.attributes(false, func(string, string) error { return nil })
		}
	})
}

func FuzzRules(f *testing.F) {
	f.Add("type=semver,pattern={{version}}\n\"type=raw,value=a\nb\"\n# x\n-lead")
	f.Add("type=match,pattern=/(?<x>\\d)(.)/gi,group=1,value={{tag}}\nedge")
	f.Add("type=sha,prefix={{branch}}-,format=long\ntype=ref,event=pr,suffix=" + strings.Repeat("y", 200))
	f.Add("type=pep440,pattern=v{{major}},match=(.*)\ntype=schedule,pattern={{date 'LLLL' tz='x'}}\nenable={{is_default_branch}},é")
	f.Fuzz(func(t *testing.T, text string) {
		for _, ref := range []string{"refs/heads/main", "refs/tags/v1.2.3", "refs/pull/1/merge", ""} {
			result, _, err := try(t, map[string]string{"images": "a/b", "tags": text, "flavor": "latest=true\nprefix=-,onlatest=true"}, ref)
			if err != nil {
				continue
			}
			checkTags(t, result)
		}
	})
}
