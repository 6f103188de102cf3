package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/markdown"
)

// Summary is the report in Markdown: for every image a table, and a line for
// each check that is not verified.
func (r Result) Summary() string {
	checks, expected := r.report.Checks, r.report.Expected
	if len(checks) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Verification\n\n%s **%s**", mark(r.report.Verdict), r.report.Verdict)
	if r.report.Digest != "" {
		fmt.Fprintf(&b, ": the image is `%s`", r.report.Digest)
	}
	fmt.Fprintf(&b, ".\n\nSignatures are expected of %s.\n", markdown.Code(expected.String()))
	for _, how := range expected.Derived {
		fmt.Fprintf(&b, "- %s\n", markdown.Code(how))
	}
	for len(checks) > 0 {
		n := slices.IndexFunc(checks, func(c Check) bool { return c.Image != checks[0].Image })
		if n < 0 {
			n = len(checks)
		}
		if name := checks[0].Image; name != "" {
			fmt.Fprintf(&b, "\n%s\n", markdown.Code(strings.TrimSuffix(name, "@"+string(r.report.Digest))))
		}
		summarize(&b, checks[:n])
		checks = checks[n:]
	}
	for n, row := range imageTable(r.report.Images) {
		if n == 0 {
			fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(row, " | "), strings.Repeat("---|", len(row)))
			continue
		}
		for _, cell := range row {
			b.WriteString("| " + markdown.Code(cell) + " ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// summarize writes the checks of one image: a row for each manifest, a column
// for each claim.
func summarize(b *strings.Builder, checks []Check) {
	type manifest struct {
		of     string
		digest image.Digest
	}
	var rows []manifest
	var columns []string
	verdicts := map[manifest]map[string]Verdict{}
	var rest []Check
	for _, c := range checks {
		if c.Verdict != Verified {
			rest = append(rest, c)
		}
		if c.Of == "image" {
			continue
		}
		row := manifest{c.Of, c.Digest}
		if verdicts[row] == nil {
			rows = append(rows, row)
			verdicts[row] = map[string]Verdict{}
		}
		if !slices.Contains(columns, c.Claim) {
			columns = append(columns, c.Claim)
		}
		verdicts[row][c.Claim] = c.Verdict
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "\n| | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat(":-:|", len(columns)))
	}
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |", markdown.Code(row.of))
		for _, claim := range columns {
			b.WriteString(" ")
			if v, made := verdicts[row][claim]; made {
				b.WriteString(mark(v))
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	if len(rest) > 0 {
		b.WriteString("\n")
	}
	for _, c := range rest {
		fmt.Fprintf(b, "- %s %s, %s: %s\n", mark(c.Verdict), markdown.Code(c.Of), c.Claim, markdown.Code(c.Detail))
	}
}
