package progress

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/markdown"
)

// Row is what was built for one platform.
type Row struct {
	Platform image.Platform
	Digest   image.Digest // of the platform's manifest; "" where there is none
	Size     int64        // of its layers as they are stored, in bytes; 0 where unknown
}

// Markdown returns a table of platforms and a chart of the build's stages, for
// a step summary. Without rows, as after a failure, the table has the platforms
// that the build came to. A column without a value is left out.
func (r Record) Markdown(rows []Row) string {
	if len(rows) == 1 { // whose name BuildKit leaves out
		r.Steps = slices.Clone(r.Steps)
		for i := range r.Steps {
			if s := &r.Steps[i]; s.Place != "" && s.Platform == (image.Platform{}) {
				s.Platform = rows[0].Platform
			}
		}
	}
	if len(rows) == 0 {
		for _, p := range r.platforms() {
			rows = append(rows, Row{Platform: p})
		}
	}
	table, chart := r.table(rows), r.gantt()
	if table != "" && chart != "" {
		table += "\n"
	}
	return table + chart
}

// platforms returns the platforms of instructions, sorted by name.
func (r Record) platforms() (platforms []image.Platform) {
	for _, s := range r.Steps {
		if s.Place != "" && s.Platform != (image.Platform{}) && !slices.Contains(platforms, s.Platform) {
			platforms = append(platforms, s.Platform)
		}
	}
	slices.SortFunc(platforms, func(a, b image.Platform) int { return strings.Compare(a.String(), b.String()) })
	return platforms
}

func (r Record) table(rows []Row) string {
	if len(rows) == 0 {
		return ""
	}
	columns := []struct {
		name, rule string
		cell       func(Row) string
	}{
		{"platform", "---", func(row Row) string { return markdown.Code(row.Platform.String()) }},
		{"digest", "---", func(row Row) string { return markdown.Code(string(row.Digest)) }},
		{"size", "--:", func(row Row) string {
			if row.Size == 0 {
				return ""
			}
			return size(row.Size)
		}},
		{"steps", "---", func(row Row) string { return r.counts(row.Platform) }},
		{"time", "--:", func(row Row) string { return r.time(row.Platform) }},
	}
	columns = slices.DeleteFunc(columns, func(c struct {
		name, rule string
		cell       func(Row) string
	}) bool {
		return !slices.ContainsFunc(rows, func(row Row) bool { return c.cell(row) != "" })
	})
	var b strings.Builder
	line := func(cell func(i int) string) {
		for i := range columns {
			b.WriteString("| " + cell(i) + " ")
		}
		b.WriteString("|\n")
	}
	line(func(i int) string { return columns[i].name })
	line(func(i int) string { return columns[i].rule })
	for _, row := range rows {
		line(func(i int) string { return columns[i].cell(row) })
	}
	return b.String()
}

// instructions returns the Dockerfile's instructions for a platform.
func (r Record) instructions(p image.Platform) (steps []Step) {
	for _, s := range r.Steps {
		if s.Place != "" && s.Platform == p {
			steps = append(steps, s)
		}
	}
	return steps
}

// counts tells how many instructions were built, taken from the cache, and
// neither.
func (r Record) counts(p image.Platform) string {
	var built, cached, failed, open int
	for _, s := range r.instructions(p) {
		switch {
		case s.Error != "" && !s.Canceled:
			failed++
		case s.Canceled || s.Completed.IsZero():
			open++
		case s.Cached:
			cached++
		default:
			built++
		}
	}
	var words []string
	for _, w := range []struct {
		n    int
		word string
	}{{built, "built"}, {cached, "cached"}, {failed, "failed"}, {open, "not done"}} {
		if w.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", w.n, w.word))
		}
	}
	return strings.Join(words, ", ")
}

// time returns how long BuildKit worked for a platform, steps at once counted
// once.
func (r Record) time(p image.Platform) string {
	var intervals []interval
	for _, s := range r.instructions(p) {
		intervals = append(intervals, s.intervals...)
	}
	if len(intervals) == 0 {
		return ""
	}
	return duration(worked(intervals, time.Time{}))
}
