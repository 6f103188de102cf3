package progress

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/image"
)

// Record is what became of a build. Its zero value is that of none.
type Record struct {
	// Steps are those that BuildKit has begun, in the order in which it named them.
	Steps []Step

	// said is the last of what buildx said itself.
	said []string
}

// Step is what became of an instruction of the Dockerfile, or of what BuildKit
// does around them.
type Step struct {
	// Name is the step's as in the log, with what stands in brackets in front.
	Name string
	// Platform is the one that the step is for; zero where BuildKit names none.
	Platform image.Platform
	// Stage is the stage of the Dockerfile, and Place the instruction's in it,
	// such as "3/5"; Place is "" for a step that is no instruction.
	Stage, Place string
	// Instruction is the name without what stands in brackets.
	Instruction string
	// Started and Completed are by the builder's clock. Completed is zero for a
	// step that didn't end.
	Started, Completed time.Time
	// Worked is how long BuildKit was at it, which may be in several goes.
	Worked time.Duration
	Cached bool
	// Canceled says that the step ended because another one failed, or the build
	// was cancelled. It is no failure, and has an Error, too.
	Canceled bool
	// Error is BuildKit's, in one line; "" for a step that succeeded.
	Error string

	intervals []interval
	// tail is the last of the output of a step that didn't succeed.
	tail []string
}

func (l *Log) record() Record {
	r := Record{said: l.said}
	for _, s := range l.order {
		if len(s.intervals) == 0 {
			continue
		}
		merged := merge(s.intervals, l.now)
		if len(merged) == 0 { // ends before it begins
			continue
		}
		step := Step{
			Name: l.title(s), Platform: l.platform(s), Stage: s.title.stage, Place: s.title.place, Instruction: s.title.instruction,
			Started: merged[0].start, Completed: merged[len(merged)-1].end, Worked: worked(merged, l.now),
			Cached: s.cached, Canceled: s.canceled(), Error: s.err, intervals: merged, tail: s.tail,
		}
		if s.running() {
			step.Completed = time.Time{}
		}
		r.Steps = append(r.Steps, step)
	}
	return r
}

// platform returns the platform that a step is for. Where BuildKit leaves it
// out of the name of an instruction, it is that of the one before.
func (l *Log) platform(s *step) image.Platform {
	for range maxInputs { // instructions of one stage, each on top of the other
		if s.title.platform != (image.Platform{}) || s.title.place == "" {
			return s.title.platform
		}
		i := slices.IndexFunc(s.inputs, func(digest string) bool {
			before := l.steps[digest]
			return before != nil && before.title.place != "" && before.title.stage == s.title.stage
		})
		if i < 0 {
			return image.Platform{}
		}
		s = l.steps[s.inputs[i]]
	}
	return image.Platform{}
}

// process is BuildKit's error for a program that failed. The step's name has
// the command.
var process = regexp.MustCompile(`(?s)^process ".*" did not complete successfully: `)

// cause returns why the step failed, without the command that it ran.
func (s *step) cause() string { return cause(s.err) }

func cause(err string) string { return process.ReplaceAllString(err, "") }

// Failure is what a failed build tells of itself.
type Failure struct {
	// Step is the name of the step that failed, or that hadn't ended when the
	// build broke off; "" where there is none.
	Step string
	// Cause is why, in one line; "" if nobody says.
	Cause string
	// Output is the last of what the step wrote, or of what buildx did where it
	// gives no cause: 40 lines at most.
	Output []string
	// Place is an excerpt of the Dockerfile, as buildx prints it.
	Place []string
	// Error is buildx's own, "" where it has none. It holds the cause, and where
	// it came from.
	Error string
}

// place returns the excerpt of a Dockerfile that text ends with:
//
//	Dockerfile:3
//	--------------------
//	   3 | >>> RUN make
//	--------------------
func place(text []string) []string {
	end := len(text) - 1
	if end < 0 || text[end] != rule {
		return nil
	}
	start := lastIndex(text[:end], func(line string) bool { return line == rule }) - 1
	if start < 0 || !lineOfFile.MatchString(text[start]) {
		return nil
	}
	if excerpt := text[start:]; len(excerpt) <= maxTail {
		return excerpt
	}
	return append(slices.Clone(text[start:start+maxTail]), "…")
}

const rule = "--------------------"

var lineOfFile = regexp.MustCompile(`^.+:\d+$`)

// Failure returns what failed, for a build that did.
func (r Record) Failure() Failure {
	var f Failure
	text := r.said
	if i := lastIndex(text, func(line string) bool { return strings.HasPrefix(line, "ERROR: ") }); i >= 0 {
		f.Error = strings.TrimSpace(strings.TrimPrefix(strings.Join(text[i:], "\n"), "ERROR: "))
		f.Error, _, _ = strings.Cut(f.Error, "\n\nView build details: ")
		text = text[:i]
		f.Place = place(text)
	}
	f.Cause = cause(strings.TrimPrefix(strings.TrimPrefix(f.Error, "failed to build: "), "failed to solve: "))
	if s := r.failed(); s != nil {
		f.Step = s.Name
		f.Output = lastLines(s.tail)
		if s.Error != "" {
			f.Cause = cause(s.Error)
		}
	}
	if f.Cause == "" {
		f.Output = append(f.Output, lastLines(text)...)
		f.Output = lastLines(f.Output)
	}
	return f
}

// failed returns the step that failed first, or else the one that had been at
// work for longest when the build broke off.
func (r Record) failed() (failed *Step) {
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Error != "" && !s.Canceled && (failed == nil || s.Completed.Before(failed.Completed)) {
			failed = s
		}
	}
	if failed != nil {
		return failed
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Completed.IsZero() && (failed == nil || s.Started.Before(failed.Started)) {
			failed = s
		}
	}
	return failed
}

// String returns the failure as an error quotes it: what failed, why, the last
// of its output and its place in the Dockerfile.
func (f Failure) String() string {
	head := f.Cause
	switch {
	case f.Step != "" && f.Cause != "":
		head = f.Step + ": " + f.Cause
	case f.Step != "":
		head = f.Step
	}
	var lines []string
	if head != "" {
		lines = append(lines, head)
	}
	lines = append(lines, f.Output...)
	return strings.Join(append(lines, f.Place...), "\n")
}

func lastLines(lines []string) []string {
	lines = lines[max(0, len(lines)-maxTail):]
	text := make([]string, len(lines))
	for i, line := range lines {
		text[i] = plain(line)
	}
	return text
}

func lastIndex(lines []string, f func(string) bool) int {
	for i, line := range slices.Backward(lines) {
		if f(line) {
			return i
		}
	}
	return -1
}
