package markdown

import (
	"regexp"
	"slices"
	"strings"
)

// span is a part of a text, by the offsets of its start and its end.
type span struct{ from, to int }

// outline is what one has to know of a text to cut it.
type outline struct {
	text  string
	lines []span // with their ends
	whole []span // what must not be cut, in order
	code  []code
	tags  []tag
}

// code is a fenced code block.
type code struct {
	span
	closing string // the line that ends it, or ""
}

// tag opens or closes an HTML element.
type tag struct {
	span
	name string // in lower case
	end  bool
}

// https://spec.commonmark.org/0.31.2/#raw-html
var (
	htmlComment = regexp.MustCompile(`(?s)<!--.*?-->`)
	commentLine = regexp.MustCompile(`(?m)^[ \t>]*<!--`)
	htmlRow     = regexp.MustCompile(`(?is)<tr[\s>].*?</tr\s*>`)
	htmlTag     = regexp.MustCompile(`<(/?)([A-Za-z][A-Za-z0-9-]*)((?:\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>` + "`" + `]+|'[^']*'|"[^"]*"))?)*)\s*(/?)>`)
	delimiters  = regexp.MustCompile(`^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$`)
)

// void are the elements without an end.
//
// https://html.spec.whatwg.org/#void-elements
var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

func newOutline(text string) *outline {
	o := &outline{text: text}
	o.readCode()
	masked := maskFences(text)
	for _, c := range codeSpans(masked) {
		o.whole = append(o.whole, c)
		mask(masked[c.from:c.to])
	}
	o.readComments(masked)
	o.readTags(string(masked))
	o.readTables(string(masked))
	slices.SortFunc(o.whole, func(a, b span) int { return a.from - b.from })
	return o
}

func (o *outline) readCode() {
	fences(o.text, func(start, end int, fence string, opens bool) {
		o.lines = append(o.lines, span{start, end})
		if opens {
			c := code{span: span{start, end}}
			// In a quote or a list it ends where they do.
			if indent, _, _ := strings.Cut(o.text[start:end], fence); strings.Trim(indent, " \t") == "" {
				c.closing = "\n" + indent + fence
			}
			o.code = append(o.code, c)
			o.whole = append(o.whole, c.span)
		}
		if fence != "" {
			o.code[len(o.code)-1].to = end
		}
	})
}

// readComments masks comments, too: what is in them is neither tag nor table.
func (o *outline) readComments(masked []byte) {
	for _, m := range htmlComment.FindAllIndex(masked, -1) {
		o.whole = append(o.whole, span{m[0], m[1]})
		mask(masked[m[0]:m[1]])
	}
	// One that is never closed reaches to the end.
	if m := commentLine.FindIndex(masked); m != nil {
		o.whole = append(o.whole, span{m[0], len(masked) + 1})
		mask(masked[m[0]:])
	}
}

func (o *outline) readTags(masked string) {
	for _, m := range htmlTag.FindAllStringSubmatchIndex(masked, -1) {
		t := tag{span: span{m[0], m[1]}, name: strings.ToLower(masked[m[4]:m[5]]), end: m[2] != m[3]}
		o.whole = append(o.whole, t.span)
		if selfClosing := m[8] != m[9]; !selfClosing && !slices.Contains(void, t.name) {
			o.tags = append(o.tags, t)
		}
	}
}

// readTables keeps rows whole, and a table's head together.
//
// https://github.github.com/gfm/#tables-extension-
func (o *outline) readTables(masked string) {
	for _, m := range htmlRow.FindAllStringIndex(masked, -1) {
		o.whole = append(o.whole, span{m[0], m[1]})
	}
	for i := 1; i < len(o.lines); i++ {
		row := func(n int) string { return strings.TrimRight(masked[o.lines[n].from:o.lines[n].to], "\r\n") }
		if !strings.Contains(row(i-1), "|") || !delimiters.MatchString(row(i)) {
			continue
		}
		o.whole = append(o.whole, span{o.lines[i-1].from, o.lines[i].to})
		for i++; i < len(o.lines) && strings.TrimSpace(row(i)) != ""; i++ {
			o.whole = append(o.whole, o.lines[i])
		}
	}
}

// uncut returns the last offset up to at that cuts nothing which must stay whole.
func (o *outline) uncut(at int) int {
	for _, s := range slices.Backward(o.whole) {
		if s.from < at && at < s.to {
			at = s.from
		}
	}
	return at
}

// within is what is open at an offset: code, if there is any, and elements, the
// outermost first.
type within struct {
	code     *code
	elements []string
}

// next returns what is open behind a tag.
func (w within) next(t tag) within {
	if !t.end {
		return within{w.code, append(slices.Clip(w.elements), t.name)}
	}
	for i, name := range slices.Backward(w.elements) {
		if name == t.name {
			return within{w.code, w.elements[:i]}
		}
	}
	return w
}

func (w within) nothing() bool { return w.code == nil && len(w.elements) == 0 }

// closing returns what closes it all.
func (w within) closing() string {
	var b strings.Builder
	if w.code != nil {
		b.WriteString(w.code.closing)
	}
	if len(w.elements) > 0 {
		b.WriteString("\n\n")
	}
	for _, name := range slices.Backward(w.elements) {
		b.WriteString("</" + name + ">")
	}
	return b.String()
}

// within returns what is open at an offset.
func (o *outline) within(at int) (w within) {
	for _, t := range o.tags {
		if t.to <= at {
			w = w.next(t)
		}
	}
	for i, c := range o.code {
		if c.from < at && at < c.to {
			w.code = &o.code[i]
		}
	}
	return w
}
