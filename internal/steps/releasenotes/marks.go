package releasenotes

import (
	"strings"
	"unicode/utf8"

	"github.com/org/release-actions/internal/markdown"
)

// The comments around our section of a release's text. What is outside of them
// belongs to people.
const (
	beginMark = "<!-- release-actions:begin -->"
	endMark   = "<!-- release-actions:end -->"
)

// maxBody is how long a release's text may be, in characters.
const maxBody = 125_000

// cutNote ends a text that is cut; wholeName is the asset with all of it.
const (
	cutNote   = "*GitHub takes 125,000 characters, so the text is cut here. [All of it](%s) is attached.*"
	wholeName = "release-notes.md"
)

// merge puts section into text: in the place of the section that is there,
// else at its end. An empty section changes nothing in the text.
func merge(text, section string) string {
	if section == "" {
		return text
	}
	before, after, found := cutSection(text)
	if !found {
		return join(text, section)
	}
	return before + section + after
}

// cut is merge for a text that is too long: as much of it as there is room for,
// up to a heading where that keeps at least half of it.
func cut(text, section, note string) string {
	before, after, found := cutSection(text)
	if section == "" {
		before, after, found = text, "", false
	}
	if found {
		text = join(before, after)
	}
	room := maxBody - utf8.RuneCountInString(section) - len("\n\n")
	return join(markdown.CutSection(text, room, utf8.RuneCountInString, note), section)
}

// cutSection cuts text around the first pair of marks. A mark without the other
// is no section, since nobody knows where it would end.
func cutSection(text string) (before, after string, found bool) {
	for from := 0; ; {
		n := strings.Index(text[from:], endMark)
		if n < 0 {
			return text, "", false
		}
		end := from + n
		if begin := strings.LastIndex(text[from:end], beginMark); begin >= 0 {
			return text[:from+begin], text[end+len(endMark):], true
		}
		from = end + len(endMark)
	}
}

// join puts a blank line between two texts.
func join(a, b string) string {
	a, b = strings.TrimRight(a, " \t\r\n"), strings.TrimLeft(b, "\r\n")
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n\n" + b
}
