package progress

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds, in bytes, a line that is kept or printed.
const maxText = 8 << 10

var (
	// escapes are the control sequences of a terminal.
	//
	// https://ecma-international.org/publications-and-standards/standards/ecma-48/
	escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-Z\\-~]|)`)
	// colour is the only one that a log shows.
	colour = regexp.MustCompile(`^\x1b\[[0-9;:]*m$`)
)

// clean returns a line of output as a terminal leaves it: what follows its last
// carriage return, in valid UTF-8, without control characters. Colours stay.
func clean(line []byte) string {
	line = bytes.TrimRight(line, "\r")
	line = line[bytes.LastIndexByte(line, '\r')+1:]
	text := string(line)
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	if printable(text) {
		return text
	}
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	coloured := false
	text = escapes.ReplaceAllStringFunc(text, func(sequence string) string {
		if !colour.MatchString(sequence) {
			return ""
		}
		coloured = sequence != "\x1b[m" && sequence != "\x1b[0m"
		return sequence
	})
	text = strings.Map(func(r rune) rune {
		if r != '\t' && r != '\x1b' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	if coloured { // a group must not take on the colour of the one before
		text += "\x1b[0m"
	}
	return text
}

func printable(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c > '~' {
			return false
		}
	}
	return true
}

// plain is clean text without its colours, for places that show none.
func plain(text string) string { return escapes.ReplaceAllString(text, "") }

// oneLine returns text as a line of max bytes at most.
func oneLine(text string, max int) string {
	text = plain(clean([]byte(spaced(text))))
	text = spaced(text) // control characters may have had spaces on both sides
	if len(text) <= max {
		return text
	}
	return strings.ToValidUTF8(text[:max], "") + "…"
}

// spaced returns text with one space for each run of white space.
func spaced(text string) string { return strings.Join(strings.Fields(text), " ") }
