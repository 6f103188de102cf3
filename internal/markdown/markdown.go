// Package markdown knows as much of Markdown as it takes to quote foreign text,
// to cut a text to a length and to leave code alone. It does no I/O.
//
// https://spec.commonmark.org/0.31.2/
package markdown

import (
	"fmt"
	"strings"
	"unicode"
)

// Code returns text as code in a line or in a table's cell, so that nothing in
// it is read as Markdown or HTML. It is "" for "".
func Code(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return ""
	case !strings.ContainsAny(text, "`|\\\r\n"):
		return "`" + text + "`"
	}
	// Backticks have no escape, and a cell ends at a bar even in code. Between
	// tags Markdown goes on, but not for characters that are written as entities.
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			b.WriteString("<br>")
		case r <= unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)):
			fmt.Fprintf(&b, "&#%d;", r)
		case r != '\r':
			b.WriteRune(r)
		}
	}
	return "<code>" + b.String() + "</code>"
}

// Prefix returns the longest start of text that measures max at most and ends
// between two characters. The measure is len, or utf8.RuneCountInString.
func Prefix(text string, max int, measure func(string) int) string {
	size := 0
	for i, r := range text {
		if size += measure(string(r)); size > max {
			return text[:i]
		}
	}
	return text
}

// Cut returns text if it measures max at most, and else as much of it as fits
// together with note behind it. It cuts between two paragraphs or lines where
// that keeps at least half of it, and closes a code block that it cuts through.
func Cut(text string, max int, measure func(string) int, note string) string {
	if measure(text) <= max {
		return text
	}
	for budget := max; budget > 0; {
		head := Prefix(text, budget, measure)
		for _, end := range []string{"\n\n", "\r\n\r\n", "\n"} {
			if i := strings.LastIndex(head, end); i > len(head)/2 {
				head = head[:i]
				break
			}
		}
		if fence := openFence(head); fence != "" {
			head += "\n" + fence
		}
		head += "\n\n" + note
		over := measure(head) - max
		if over <= 0 {
			return head
		}
		budget -= over
	}
	return Prefix(note, max, measure)
}
