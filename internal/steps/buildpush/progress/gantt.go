package progress

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/org/release-actions/internal/image"
)

const (
	// maxBars and maxSections bound the chart, and maxLabel a bar's name in
	// characters.
	maxBars     = 40
	maxSections = 16
	maxLabel    = 60
)

// bar is a time in which BuildKit worked at a step.
type bar struct {
	step *Step
	interval
}

func (b bar) length() time.Duration { return b.end.Sub(b.start) }

// gantt returns a chart of when BuildKit worked at what, the longest bars of it
// if there are too many: a section for each platform, and one for what is done
// for all. It is "" where nothing took a noticeable time.
//
// https://mermaid.js.org/syntax/gantt.html
func (r Record) gantt() string {
	var bars []bar
	for i := range r.Steps {
		if s := &r.Steps[i]; !s.Cached {
			for _, i := range s.intervals {
				if last := len(bars) - 1; last >= 0 && bars[last].step == s && i.start.Sub(bars[last].end) < noticeable {
					bars[last].end = i.end
				} else {
					bars = append(bars, bar{s, i})
				}
			}
		}
	}
	bars = slices.DeleteFunc(bars, func(b bar) bool { return b.length() < noticeable })
	slices.SortStableFunc(bars, func(a, b bar) int { return cmp.Compare(b.length(), a.length()) })
	bars = bars[:min(len(bars), maxBars)]
	if len(bars) == 0 {
		return ""
	}
	slices.SortStableFunc(bars, func(a, b bar) int { return a.start.Compare(b.start) })
	var b strings.Builder
	b.WriteString("```mermaid\ngantt\n    dateFormat x\n    axisFormat %H:%M:%S\n")
	platforms := append(r.platforms(), image.Platform{})
	for _, p := range platforms[max(0, len(platforms)-maxSections):] {
		title := "section all platforms"
		if p != (image.Platform{}) {
			title = "section " + label(p.String())
		}
		for _, bar := range bars {
			if bar.step.Platform != p {
				continue
			}
			if title != "" {
				b.WriteString("    " + title + "\n")
				title = ""
			}
			fmt.Fprintf(&b, "    %s :%s%d, %d\n", bar.label(), bar.tag(), bar.start.UnixMilli(), bar.end.UnixMilli())
		}
	}
	b.WriteString("```\n")
	return b.String()
}

var (
	options = regexp.MustCompile(`\bRUN (--\S+ )+`)
	pins    = regexp.MustCompile(`@sha256:[0-9a-f]+`)
)

// label names a bar. The time in front keeps a stage's name from being read as
// a keyword.
func (b bar) label() string {
	instruction := pins.ReplaceAllString(options.ReplaceAllString(b.step.Instruction, "RUN "), "")
	words := strings.Fields(b.step.Stage + " " + b.step.Place + " " + instruction)
	return duration(b.length()) + " " + label(strings.Join(words, " "))
}

// tag gives a bar the colour of what became of its step.
func (b bar) tag() string {
	switch {
	case b.step.Error != "" && !b.step.Canceled:
		return "crit, "
	case b.step.Canceled || b.step.Completed.IsZero():
		return "active, "
	}
	return ""
}

// label returns text as Mermaid takes it for a name and nothing else. What has
// a meaning there, or in Markdown, is written as an entity.
//
// https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
func label(text string) string {
	runes := []rune(oneLine(text, 4*maxLabel))
	if len(runes) > maxLabel {
		runes = append(runes[:maxLabel-1], '…')
	}
	var b strings.Builder
	for _, r := range runes {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" ./-_=@+,()[]…", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
