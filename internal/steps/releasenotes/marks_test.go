package releasenotes

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestQuotedWordsSurviveAShell(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		"https://github.com/o/r/.github/workflows/x.yml@refs/tags/v1", "", "it's", `a"b$HOME`, "`id`", "a;b&c|d>e", "*?[x]", "~", `back\slash`, "größe", "-n",
	} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("quote(%q) = %s is %q for a shell: %v", word, quote(word), out, err)
		}
	}
}

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

func TestAVeryLongSectionKeepsItsMarks(t *testing.T) {
	t.Parallel()
	n := notes{Images: []notesImage{{Ref: "r", Tags: make([]string, 50_000)}}}
	got, err := n.section()
	if err != nil || utf8.RuneCountInString(got) > maxBody || !strings.HasPrefix(got, beginMark) || !strings.HasSuffix(got, endMark) {
		t.Errorf("%d characters, %v", utf8.RuneCountInString(got), err)
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
