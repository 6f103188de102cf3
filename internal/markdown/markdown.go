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
