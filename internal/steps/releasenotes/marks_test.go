package releasenotes

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const section = beginMark + "\nours\n" + endMark

func TestMerge(t *testing.T) {
	t.Parallel()
	old := beginMark + "\nold\n" + endMark
	for name, test := range map[string]struct{ text, section, want string }{
		"empty":                  {"", section, section},
		"no section yet":         {"Text.\n", section, "Text.\n\n" + section},
		"in its place":           {"Before.\n" + old + "\nAfter.\n", section, "Before.\n" + section + "\nAfter.\n"},
		"nothing to say":         {"Before.\n" + old, "", "Before.\n" + old},
		"end is lost":            {"Before.\n" + beginMark + "\nold\nAfter.", section, "Before.\n" + beginMark + "\nold\nAfter.\n\n" + section},
		"begin is lost":          {"old\n" + endMark + "\nAfter.", section, "old\n" + endMark + "\nAfter.\n\n" + section},
		"a begin without an end": {beginMark + "\nText.\n" + old, section, beginMark + "\nText.\n" + section},
	} {
		got := merge(test.text, test.section)
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if again := merge(got, test.section); again != got {
			t.Errorf("%s: again %q, want %q", name, again, got)
		}
	}
}

func TestALongTextIsCutAndTheSectionIsNot(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("ü", 99) + "\n"
	for name, text := range map[string]string{
		"plain":            strings.Repeat(line, 1300),
		"section in front": section + "\n\n" + strings.Repeat(line, 1300),
		"code":             "```\n" + strings.Repeat(line, 1300),
	} {
		got := cut(text, section, cutNote)
		if n := utf8.RuneCountInString(got); n > maxBody || n < maxBody-1000 {
			t.Errorf("%s: %d characters", name, n)
		}
		if !strings.HasSuffix(got, cutNote+"\n\n"+section) {
			t.Errorf("%s: ends with %q", name, got[len(got)-300:])
		}
		if again := merge(got, section); again != got {
			t.Errorf("%s: another run changes it", name)
		}
	}
	if n := utf8.RuneCountInString(cut(strings.Repeat(line, 1300), "", cutNote)); n > maxBody {
		t.Errorf("without a section: %d characters", n)
	}
}

func FuzzMerge(f *testing.F) {
	for _, s := range []string{"", "Text.", beginMark, endMark, endMark + beginMark, "a" + beginMark + "b" + endMark + "c", "\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := merge(text, section)
		if strings.Count(got, section) < 1 {
			t.Errorf("merge(%q) = %q", text, got)
		}
		if again := merge(got, section); again != got {
			t.Errorf("merge(%q) = %q, and again %q", text, got, again)
		}
	})
}
