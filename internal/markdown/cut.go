package markdown

import "strings"

// Cut returns text if it measures max at most, and else as much of it as fits
// together with note behind it. Where that keeps at least half of it, it is cut
// between two paragraphs, or else lines, outside of code blocks and of HTML elements,
// such as details; else what is open where it is cut is closed, so that note is
// read as a paragraph of its own. No comment, tag or row of a table is cut.
func Cut(text string, max int, measure func(string) int, note string) string {
	return cut(text, max, measure, note, paragraph)
}

// CutSection is Cut, but cuts in front of a heading where that keeps at least
// half of the text.
func CutSection(text string, max int, measure func(string) int, note string) string {
	return cut(text, max, measure, note, heading)
}

// rank is how good a place to end at is: the more the better.
type rank int

const (
	line rank = iota
	paragraph
	heading
)

// place is one where a text may end, and what is open there.
type place struct {
	at     int
	rank   rank
	within within
}

func cut(text string, max int, measure func(string) int, note string, best rank) string {
	if measure(text) <= max {
		return text
	}
	o := newOutline(text)
	places := o.places()
	for budget := max; budget > 0; {
		end := o.end(places, len(Prefix(text, budget, measure)), best)
		head := strings.TrimRight(text[:end.at], "\r\n") + end.within.closing()
		if strings.TrimSpace(head) == "" {
			break
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

// end returns the best place up to an offset: in the second half the last one of
// the best rank at which nothing is open, or else any; else what can be kept.
func (o *outline) end(places []place, limit int, best rank) place {
	for _, nested := range []bool{false, true} {
		for r := best; r >= line; r-- {
			for i := len(places) - 1; i >= 0; i-- {
				p := places[i]
				if p.at <= limit/2 {
					break
				}
				if p.at <= limit && p.rank >= r && (nested || p.within.nothing()) {
					return p
				}
			}
		}
	}
	at := o.uncut(limit)
	return place{at: at, within: o.within(at)}
}

// places returns the ends of lines, in order, that cut nothing which must stay whole.
func (o *outline) places() []place {
	var all []place
	var w within
	whole, tags, codes, reach := o.whole, o.tags, o.code, 0
	for i := 1; i < len(o.lines); i++ {
		at := o.lines[i].from
		for ; len(whole) > 0 && whole[0].from < at; whole = whole[1:] {
			reach = max(reach, whole[0].to)
		}
		for ; len(tags) > 0 && tags[0].to <= at; tags = tags[1:] {
			w = w.next(tags[0])
		}
		for ; len(codes) > 0 && codes[0].to <= at; codes = codes[1:] {
		}
		if w.code = nil; len(codes) > 0 && codes[0].from < at {
			w.code = &codes[0]
		}
		if reach > at {
			continue
		}
		p := place{at: at, rank: line, within: w}
		before, next := o.text[o.lines[i-1].from:at], o.text[at:o.lines[i].to]
		switch {
		case strings.HasPrefix(next, "#"):
			p.rank = heading
		case strings.TrimSpace(next) == "" || strings.TrimSpace(before) == "":
			p.rank = paragraph
		}
		all = append(all, p)
	}
	return all
}
