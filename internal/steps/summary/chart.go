package summary

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/org/release-actions/internal/runlog"
)

// plain is a name that Mermaid takes as it is.
var plain = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// maxBars bounds the chart.
const maxBars = 50

// chart draws when each step ran. What failed is red.
//
// https://mermaid.js.org/syntax/gantt.html
func chart(entries []runlog.Entry) string {
	var bars strings.Builder
	n := 0
	for _, e := range entries {
		took := e.End.Sub(e.Start)
		if n == maxBars || !plain.MatchString(e.Step) || e.Start.IsZero() || took < 0 {
			continue
		}
		n++
		state := "done"
		if e.Error != "" {
			state = "crit"
		}
		// A bar of no width is not drawn.
		fmt.Fprintf(&bars, "  %s %s :%s, %d, %d\n", e.Step, length(took), state, e.Start.UnixMilli(), max(e.End.UnixMilli(), e.Start.UnixMilli()+1))
	}
	if n == 0 {
		return ""
	}
	return "```mermaid\ngantt\n  title " + length(entries[len(entries)-1].End.Sub(entries[0].Start)) + " in all\n  dateFormat x\n  axisFormat %M:%S\n" + bars.String() + "```\n"
}

// length is a duration as people say it. A colon would end a bar's name.
func length(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}
