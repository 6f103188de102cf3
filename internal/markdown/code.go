package markdown

import (
	"regexp"
	"strings"
)

// fenceLine is the start of a fenced code block, also in a quote or a list.
var fenceLine = regexp.MustCompile("^[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(`{3,}|~{3,})(.*)$")

// fences calls visit for each line with the fence that is open at its start,
// or that it opens; "" outside of fenced code. It returns the fence that is
// never closed.
func fences(text string, visit func(start, end int, fence string)) string {
	fence, start := "", 0
	for line := range strings.Lines(text) {
		end := start + len(line)
		bare := strings.Trim(line, " \t>\r\n")
		switch m := fenceLine.FindStringSubmatch(strings.TrimRight(line, "\r\n")); {
		case fence != "":
			visit(start, end, fence)
			if len(bare) >= len(fence) && strings.Trim(bare, fence[:1]) == "" {
				fence = ""
			}
		// With backticks behind it, it is code in a line.
		case m != nil && !strings.Contains(m[2], "`"):
			fence = m[1]
			visit(start, end, fence)
		default:
			visit(start, end, "")
		}
		start = end
	}
	return fence
}

func openFence(text string) string { return fences(text, func(int, int, string) {}) }

// MaskCode returns text with everything in code, fences and backticks
// included, replaced by as many letters x. Line ends stay.
func MaskCode(text string) string {
	masked := []byte(text)
	fences(text, func(start, end int, fence string) {
		if fence != "" {
			mask(masked[start:end])
		}
	})
	maskSpans(masked)
	return string(masked)
}

func mask(b []byte) {
	for i, c := range b {
		if c != '\n' && c != '\r' {
			b[i] = 'x'
		}
	}
}

var blankLine = regexp.MustCompile(`\n[ \t\r]*\n`)

// maskSpans masks code in lines, paragraph by paragraph.
func maskSpans(b []byte) {
	for len(b) > 0 {
		end := len(b)
		if loc := blankLine.FindIndex(b); loc != nil {
			end = loc[1]
		}
		maskParagraph(b[:end])
		b = b[end:]
	}
}

// maskParagraph masks from each run of backticks to the next one that is as
// long.
func maskParagraph(b []byte) {
	runs := map[int][]int{} // where runs start, by their length
	for i := 0; i < len(b); i += max(run(b[i:]), 1) {
		if n := run(b[i:]); n > 0 {
			runs[n] = append(runs[n], i)
		}
	}
	for i := 0; i < len(b); i++ {
		n := run(b[i:])
		switch {
		case b[i] == '\\':
			i++
		case n > 0:
			for len(runs[n]) > 0 && runs[n][0] < i+n {
				runs[n] = runs[n][1:]
			}
			if len(runs[n]) > 0 {
				end := runs[n][0] + n
				mask(b[i:end])
				n = end - i
			}
			i += n - 1
		}
	}
}

// run returns the number of backticks at the start of b.
func run(b []byte) int {
	n := 0
	for n < len(b) && b[n] == '`' {
		n++
	}
	return n
}
