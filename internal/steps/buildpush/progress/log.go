// Package progress makes what buildx reports of a build readable: a log in
// which steps follow each other though they run at once, a record of them, what
// failed, and a summary.
//
// buildx with --progress=rawjson writes to standard error one JSON object a
// line, and beside them lines of text of its own.
package progress

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxReport bounds, in bytes, a line of buildx.
	maxReport = 4 << 20
	// maxSteps bounds the steps of a build that are told of.
	maxSteps = 10_000
	// maxHeld bounds, in bytes, the output of one step that waits for its
	// turn: what BuildKit keeps of it by default. maxAllHeld bounds it for all.
	maxHeld    = 2 << 20
	maxAllHeld = 32 << 20
	// maxTail bounds, in lines, what an error quotes of a step's output, and
	// maxSaid what is kept for it of what buildx says itself.
	maxTail = 40
	maxSaid = 200
	// maxNotes bounds, in lines, the text that waits for a step's end.
	maxNotes = 1000
	// settled is how long after its end a step counts as done: BuildKit works
	// at some in several goes.
	settled = noticeable
	// patience is how often a step that has no output is told of as it goes.
	patience = 5 * time.Second
)

// Console takes a log: text, and groups of text with a title.
type Console interface {
	io.Writer
	Group(title string)
	EndGroup()
}

// Log reads what buildx writes to standard error, and prints it. One step at a
// time is live, and its output is printed as it comes; that of others is held
// until they are live or done. So a long step is seen at work, and no lines of
// two steps mingle.
type Log struct {
	mu     sync.Mutex
	out    Console
	err    error // the first that out has returned
	input  splitter
	result splitter
	buffer strings.Builder

	now     time.Time        // of the latest report, by the builder's clock
	steps   map[string]*step // by the digest of a vertex and by the ID of a group
	order   []*step
	running []*step
	done    []*step // ended, and not yet printed
	live    *step
	open    bool     // the live step's group is
	held    int      // bytes of output that waits
	notes   []string // text that waits for the end of the live step
	warned  map[string]bool
	said    []string // the last of what buildx said itself
}

// New returns a log that is printed to out.
func New(out Console) *Log {
	return &Log{
		out: out, steps: map[string]*step{}, warned: map[string]bool{},
		input: splitter{max: maxReport}, result: splitter{max: maxLine},
	}
}

// Write takes a piece of buildx's standard error. It returns an error where
// the console has returned one.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.input.write(p, l.line)
	l.print()
	return len(p), l.err
}

// Stdout returns the writer for buildx's standard output, where it writes the
// result of a check or an outline. Nothing in it is read as progress.
func (l *Log) Stdout() io.Writer { return resultWriter{l} }

type resultWriter struct{ l *Log }

func (w resultWriter) Write(p []byte) (int, error) {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	w.l.result.write(p, w.l.say)
	w.l.print()
	return len(p), w.l.err
}

// Close prints what is left, once buildx has ended, and returns the record of
// the build. The error is the console's.
func (l *Log) Close() (Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.input.flush(l.line)
	l.result.flush(l.say)
	if l.live != nil {
		l.end()
	}
	for _, s := range l.order {
		s.flush(l)
		if len(s.intervals) == 0 && len(s.held) > 0 { // output without a start
			s.intervals = []interval{{l.now, l.now}}
		}
		if s.running() || len(s.held) > 0 {
			l.retire(s)
		}
	}
	l.printDone(true)
	l.printNotes()
	l.print()
	return l.record(), l.err
}

// line takes a line of buildx.
func (l *Log) line(line []byte) {
	report, ok := parseStatus(line)
	if !ok {
		l.say(line)
		return
	}
	for _, v := range report.Vertexes {
		l.vertex(v)
	}
	for _, v := range report.Statuses {
		if s := l.steps[v.Vertex]; s != nil {
			l.clock(v.Timestamp)
			s.part(v)
		}
	}
	for _, v := range report.Logs {
		if s := l.steps[v.Vertex]; s != nil {
			l.clock(v.Timestamp)
			s.output(l, v)
			if len(s.intervals) > 0 && !s.running() && s != l.live { // late
				l.retire(s)
			}
		}
	}
	for _, w := range report.Warnings {
		text := "WARNING: " + oneLine(string(w.Short), maxCause)
		if len(l.warned) < maxNotes && !l.warned[text] {
			l.warned[text] = true
			l.note(text)
		}
	}
	l.show()
}

func (l *Log) clock(t time.Time) {
	if t.After(l.now) {
		l.now = t
	}
}

func (l *Log) vertex(v vertex) {
	s := l.steps[v.key()]
	if s == nil {
		if len(l.steps) >= maxSteps {
			return
		}
		name := v.Name
		if v.Group != nil {
			name = v.Group.Name
		}
		s = newStep(name)
		l.order = append(l.order, s)
		l.steps[v.key()] = s
	}
	if l.steps[v.Digest] == nil && len(l.steps) < maxSteps {
		l.steps[v.Digest] = s
	}
	if len(s.inputs) == 0 && len(v.Inputs) <= maxInputs {
		s.inputs = v.Inputs
	}
	ran := s.running()
	if !s.update(v) {
		return
	}
	l.clock(v.Started)
	l.clock(v.Completed)
	switch {
	case s.running() && !ran:
		l.running = append(remove(l.running, s), s)
		l.done = remove(l.done, s)
	case !s.running() && s != l.live:
		s.flush(l)
		l.retire(s)
	}
}

// retire puts a step that has ended into the queue for printing.
func (l *Log) retire(s *step) {
	l.running = remove(l.running, s)
	if s.err == "" && !s.running() {
		s.tail = nil
	}
	// A second report of a step that has been told of must have something new.
	fresh := s.shown == 0 || s.err != "" || len(s.held) > 0 || !s.cached && worked(s.intervals[s.shown:], l.now) >= noticeable
	if fresh && !slices.Contains(l.done, s) {
		l.done = append(l.done, s)
	}
}

func remove(steps []*step, s *step) []*step {
	return slices.DeleteFunc(steps, func(other *step) bool { return other == s })
}
