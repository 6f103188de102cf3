package progress

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/org/release-actions/internal/image"
)

const (
	// maxTitle, maxCause, maxInputs, maxIntervals and maxParts bound what is
	// kept of one step.
	maxTitle     = 200
	maxCause     = 2000
	maxInputs    = 64
	maxIntervals = 64
	maxParts     = 256
	// maxLine bounds, in bytes, a line of output before it is cut in two.
	maxLine = 64 << 10
	// noticeable is the duration from which a part of a step is worth a word.
	noticeable = 100 * time.Millisecond
)

// interval is a time in which BuildKit worked at a step.
type interval struct{ start, end time.Time }

func (i interval) open() bool { return i.end.IsZero() }

// part is what a step does beside its output: a transfer, a phase.
type part struct {
	current, total int64
	start          time.Time
	took           time.Duration
	done           bool
}

// step is one step of a build as it goes.
type step struct {
	name      string // as BuildKit writes it
	title     title
	inputs    []string
	intervals []interval
	shown     int // how many of the intervals a finished display has covered
	cached    bool
	err       string

	streams [2]splitter // standard output and standard error
	held    []string    // output that waits for its turn
	size    int         // of held, in bytes
	dropped int         // lines that didn't fit
	tail    []string    // the last lines of output, while it may fail

	parts    map[string]*part
	ids      []string // of parts, in order
	progress time.Time
}

func newStep(name string) *step {
	s := &step{name: oneLine(name, maxTitle), parts: map[string]*part{}}
	s.title = parseTitle(s.name)
	for i := range s.streams {
		s.streams[i].max = maxLine
	}
	return s
}

// running reports whether BuildKit is working at the step.
func (s *step) running() bool { return slices.ContainsFunc(s.intervals, interval.open) }

// update takes a report, and reports whether it is news.
func (s *step) update(v vertex) bool {
	if v.Started.IsZero() {
		return false
	}
	now := interval{v.Started, v.Completed}
	built := !s.cached && worked(s.intervals, now.start) >= noticeable
	i := slices.IndexFunc(s.intervals, func(i interval) bool { return i.start.Equal(now.start) })
	switch {
	case i >= 0 && (now.open() || s.intervals[i].end.Equal(now.end)):
		return false
	case i < 0 && len(s.intervals) == maxIntervals:
		i = maxIntervals - 1
		now.start = s.intervals[i].start
		s.intervals[i] = now
	case i < 0:
		s.intervals = append(s.intervals, now)
	default:
		s.intervals[i] = now
	}
	s.cached = v.Cached && !built // else only found again
	if v.Error != "" {
		s.err = oneLine(v.Error, maxCause)
	}
	return true
}

// part takes what a step reports of a part of it.
func (s *step) part(v vertexStatus) {
	id := v.ID[:min(len(v.ID), maxTitle)]
	p := s.parts[id]
	if p == nil {
		if len(s.ids) == maxParts {
			return
		}
		p = &part{start: v.Started}
		s.parts[id], s.ids = p, append(s.ids, id)
	}
	if v.Started.After(p.start) { // the same again, as for a second registry
		p.start = v.Started
	}
	if p.done = !v.Completed.IsZero(); p.done {
		p.took += v.Completed.Sub(p.start)
	}
	p.current, p.total = max(p.current, v.Current), max(p.total, v.Total)
}

// digests are shortened where they only tell parts of a step apart.
var digests = regexp.MustCompile(`sha256:([0-9a-f]{12})[0-9a-f]{52}`)

// figures tells what the parts come to, such as "2 blobs, 55 MB", or "" where
// that is nothing worth a word.
func (s *step) figures(now time.Time) string {
	var words, pushed []string
	var blobs int
	var current, total int64
	for _, id := range s.ids {
		p := s.parts[id]
		repository, push := strings.CutPrefix(id, "pushing manifest for ")
		switch {
		case p.current > 0 || p.total > 0:
			blobs++
			current, total = current+p.current, total+max(p.current, p.total)
		case push && p.done:
			repository, _, _ = strings.Cut(repository, "@")
			pushed = append(pushed, repository)
		case !p.done && now.Sub(p.start) >= noticeable:
			words = append(words, digests.ReplaceAllString(id, "sha256:$1")+" "+duration(now.Sub(p.start)))
		case p.took >= noticeable && !strings.Contains(id, "sha256:"):
			words = append(words, id+" "+duration(p.took))
		}
	}
	if blobs > 1 {
		words = append(words, fmt.Sprintf("%d blobs", blobs))
	}
	switch {
	case current < total:
		words = append(words, size(current)+" of "+size(total))
	case current > 0:
		words = append(words, size(current))
	}
	if len(pushed) > 0 {
		words = append(words, "pushed to "+strings.Join(pushed, " and "))
	}
	return oneLine(strings.Join(words, ", "), maxTitle)
}

func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// worked returns how long BuildKit worked at a step in the given intervals,
// which may overlap. An open one counts up to now.
func worked(intervals []interval, now time.Time) (sum time.Duration) {
	for _, i := range merge(intervals, now) {
		sum += i.end.Sub(i.start)
	}
	return sum
}

// merge returns intervals in order, with those that overlap made one.
func merge(intervals []interval, now time.Time) (merged []interval) {
	sorted := slices.Clone(intervals)
	slices.SortFunc(sorted, func(a, b interval) int { return a.start.Compare(b.start) })
	for _, i := range sorted {
		if i.open() {
			i.end = now
		}
		if i.end.Before(i.start) {
			continue
		}
		if last := len(merged) - 1; last >= 0 && !i.start.After(merged[last].end) {
			if i.end.After(merged[last].end) {
				merged[last].end = i.end
			}
			continue
		}
		merged = append(merged, i)
	}
	return merged
}

// canceled reports whether the step was ended because another one failed, or
// the build was.
func (s *step) canceled() bool { return strings.HasSuffix(s.err, "context canceled") }

// runs reports whether the step is an instruction that runs a program, and so
// may go on for long without a word.
func (s *step) runs() bool {
	return s.title.place != "" && strings.HasPrefix(strings.TrimPrefix(s.title.instruction, "ONBUILD "), "RUN ")
}

// title is the name of a step, taken apart:
//
//	[linux/amd64->arm64 build 3/5] RUN make
//
// https://github.com/moby/buildkit/blob/v0.34.2/frontend/dockerfile/dockerfile2llb/convert.go
type title struct {
	platform    image.Platform // that it is for; zero where the name has none
	stage       string
	place       string // "3/5"; "" for what is no instruction of a Dockerfile
	instruction string
}

var (
	brackets  = regexp.MustCompile(`^\[([^\]]*)\] ?(.*)$`)
	placeWord = regexp.MustCompile(`^\d+/\d+$`)
	variant   = regexp.MustCompile(`^[^/]+(/v\d+)?$`)
)

func parseTitle(name string) title {
	m := brackets.FindStringSubmatch(name)
	if m == nil {
		return title{instruction: name}
	}
	t := title{instruction: m[2]}
	words := strings.Fields(m[1])
	if len(words) > 0 && !placeWord.MatchString(words[0]) && strings.Contains(words[0], "/") {
		built, target, cross := strings.Cut(words[0], "->")
		if cross && variant.MatchString(target) {
			system, _, _ := strings.Cut(built, "/")
			target = system + "/" + target
		}
		if !cross {
			target = built
		}
		if p, err := image.ParsePlatform(target); err == nil {
			t.platform, words = p, words[1:]
		}
	}
	if last := len(words) - 1; last >= 0 && placeWord.MatchString(words[last]) {
		t.place, words = words[last], words[:last]
	}
	t.stage = strings.Join(words, " ")
	return t
}

// duration returns d as people read it: "0.3s", "12.0s", "3m5s".
func duration(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
