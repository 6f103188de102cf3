package progress

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// show prints what can be printed by now.
func (l *Log) show() {
	for {
		if l.live != nil {
			l.printHeld(l.live)
			if l.live.running() {
				return
			}
			l.end()
		}
		i := slices.IndexFunc(l.running, func(s *step) bool { return len(s.held) > 0 || s.runs() })
		if i < 0 {
			break
		}
		l.printDone(true)
		l.live, l.open = l.running[i], true
		l.group(l.title(l.live))
	}
	l.printDone(false)
	for _, s := range l.running {
		since := s.progress
		if since.IsZero() {
			since = s.intervals[len(s.intervals)-1].start
		}
		if l.now.Sub(since) >= patience {
			s.progress = l.now
			l.entry("…", l.title(s), s.figures(l.now))
		}
	}
}

// end ends the display of the live step, which may still run.
func (l *Log) end() {
	s := l.live
	l.live = nil
	s.flush(l)
	l.retire(s)
	l.done = remove(l.done, s)
	l.finish(s)
	l.printNotes()
}

// printDone prints the steps that have ended, those that may go on only if all
// is true.
func (l *Log) printDone(all bool) {
	for len(l.done) > 0 {
		s := l.done[0]
		if !all && l.now.Sub(s.intervals[len(s.intervals)-1].end) < settled {
			return
		}
		l.done = l.done[1:]
		l.finish(s)
	}
}

// finish prints how a step has ended, with its output if some was held.
func (l *Log) finish(s *step) {
	name := l.title(s)
	if len(s.held) > 0 && !l.open {
		l.open = true
		l.group(name)
	}
	l.printHeld(s)
	if l.open {
		l.open = false
		l.endGroup()
		if brackets.MatchString(name) { // the group's title has the rest
			name, _, _ = strings.Cut(name, "]")
			name += "]"
		}
	}
	took := duration(worked(s.intervals[min(s.shown, len(s.intervals)-1):], l.now))
	switch {
	case s.running():
		l.entry("NOT DONE", name, s.figures(l.now))
	case s.canceled():
		l.entry("CANCELED", name, "")
	case s.err != "":
		l.entry("ERROR", name, s.cause())
	case s.cached:
		l.entry("CACHED", name, "")
	default:
		l.entry(took, name, s.figures(l.now))
	}
	s.shown = len(s.intervals)
	clear(s.parts)
	s.ids = nil
}

// entry prints one line of the log: how a step is, its name and what else
// there is to say of it.
func (l *Log) entry(state, name, remark string) {
	if remark != "" {
		name += ": " + remark
	}
	fmt.Fprintf(&l.buffer, "%8s  %s\n", state, name)
}

// title returns a step's name with its platform, which BuildKit leaves out of
// some.
func (l *Log) title(s *step) string {
	p := l.platform(s)
	if s.title.platform == p {
		return s.name
	}
	return "[" + p.String() + " " + strings.TrimPrefix(s.name, "[")
}

// say takes a line of text that is buildx's own.
func (l *Log) say(line []byte) {
	text := clean(line)
	if l.said = append(l.said, plain(text)); len(l.said) > 2*maxSaid {
		l.said = slices.Clone(l.said[maxSaid:])
	}
	l.note(text)
}

// note prints text, or keeps it until the live step has ended.
func (l *Log) note(text string) {
	if l.live == nil {
		l.printDone(true)
		l.buffer.WriteString(text + "\n")
	} else if len(l.notes) < maxNotes {
		l.notes = append(l.notes, text)
	}
}

func (l *Log) printNotes() {
	for _, text := range l.notes {
		l.buffer.WriteString(text + "\n")
	}
	l.notes = nil
}

func (l *Log) printHeld(s *step) {
	if s.dropped > 0 {
		fmt.Fprintf(&l.buffer, "… %d lines are left out …\n", s.dropped)
	}
	for _, line := range s.held {
		l.buffer.WriteString(line + "\n")
	}
	l.held -= s.size
	s.held, s.size, s.dropped = nil, 0, 0
}

func (l *Log) group(title string) {
	l.print()
	l.out.Group(title)
}

func (l *Log) endGroup() {
	l.print()
	l.out.EndGroup()
}

// print passes on what was printed so far.
func (l *Log) print() {
	if l.buffer.Len() == 0 {
		return
	}
	if _, err := io.WriteString(l.out, l.buffer.String()); err != nil && l.err == nil {
		l.err = err
	}
	l.buffer.Reset()
}
