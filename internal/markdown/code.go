package markdown

import (
	"regexp"
	"strings"
)

// fenceLine is the start of a fenced code block, also in a quote or a list.
var fenceLine = regexp.MustCompile("^[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(`{3,}|~{3,})(.*)$")

// fences calls visit for each line with the fence that is open at its start,
// or that it opens; "" outside of fenced code.
func fences(text string, visit func(start, end int, fence string, opens bool)) {
	fence, start := "", 0
	for line := range strings.Lines(text) {
		end := start + len(line)
		bare := strings.Trim(line, " \t>\r\n")
		var m []string
		if fence == "" && strings.ContainsAny(line, "`~") {
			m = fenceLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		}
		switch {
		case fence != "":
			visit(start, end, fence, false)
			if len(bare) >= len(fence) && strings.Trim(bare, fence[:1]) == "" {
				fence = ""
			}
		// With backticks behind it, it is code in a line.
		case m != nil && !strings.Contains(m[2], "`"):
			fence = m[1]
			visit(start, end, fence, true)
		default:
			visit(start, end, "", false)
		}
		start = end
	}
}

// maskFences returns text with fenced code masked.
func maskFences(text string) []byte {
	masked := []byte(text)
	fences(text, func(start, end int, fence string, _ bool) {
		if fence != "" {
			mask(masked[start:end])
		}
	})
	return masked
}

// MaskCode returns text with everything in code, fences and backticks
// included, replaced by as many letters x. Line ends stay.
func MaskCode(text string) string {
	masked := maskFences(text)
	for _, c := range codeSpans(masked) {
		mask(masked[c.from:c.to])
	}
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

// codeSpans finds code in lines, paragraph by paragraph, in a text without fences.
func codeSpans(b []byte) (all []span) {
	for from := 0; from < len(b); {
		to := len(b)
		if loc := blankLine.FindIndex(b[from:]); loc != nil {
			to = from + loc[1]
		}
		for _, s := range paragraphSpans(b[from:to]) {
			all = append(all, span{from + s.from, from + s.to})
		}
		from = to
	}
	return all
}

// paragraphSpans finds code from each run of backticks to the next one that is as
// long.
func paragraphSpans(b []byte) (all []span) {
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
				all = append(all, span{i, end})
				n = end - i
			}
			i += n - 1
		}
	}
	return all
}

// run returns the number of backticks at the start of b.
func run(b []byte) int {
	n := 0
	for n < len(b) && b[n] == '`' {
		n++
	}
	return n
}
