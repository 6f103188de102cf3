package scan

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/org/release-actions/internal/markdown"
	"github.com/org/release-actions/internal/trivy"
)

const (
	worst    = 10 // findings that the summary names
	maxTitle = 80 // characters of a finding's title
)

// Summary returns numbers, a chart, and the worst findings in Markdown.
func (r Result) Summary() string {
	if len(r.Findings) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Findings\n\n")
	switch r.Gate {
	case gatePassed:
		b.WriteString("✅ The gate lets the image pass.\n\n")
	case gateRefused:
		b.WriteString("❌ The gate **refuses** the image.\n\n")
	case gateUndecided:
		b.WriteString("❌ The gate **can't judge** the image.\n\n")
	}
	for i, row := range r.table() {
		if i > 0 {
			row[0], row[1] = markdown.Code(row[0]), markdown.Code(row[1])
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|---|---" + strings.Repeat("|--:", len(row)-2) + "|\n")
		}
	}
	if len(r.findings) == 0 {
		b.WriteString("\nNothing was found.\n")
	} else {
		r.chart(&b)
		heading := fmt.Sprintf("The worst %d of %d", worst, len(r.findings))
		if len(r.findings) <= worst {
			heading = "All of them"
		}
		fmt.Fprintf(&b, "\n**%s**\n\n", heading)
		list(&b, r.findings)
	}
	if c := r.compared; c != nil {
		fmt.Fprintf(&b, "\n**Since %s**: %d new, %d gone\n", markdown.Code(c.with), len(c.added), len(c.gone))
		for _, part := range []struct {
			title string
			all   []Finding
		}{{"new", c.added}, {"gone", c.gone}} {
			if len(part.all) > 0 {
				fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n", part.title)
				list(&b, part.all)
				b.WriteString("\n</details>\n")
			}
		}
	}
	if r.uploaded {
		b.WriteString("\nCode scanning has them, too: see the repository's Security tab.\n")
	}
	if r.cut > 0 {
		fmt.Fprintf(&b, "\nThe SARIF files lack the %d mildest findings, since code scanning takes %d of a platform.\n", r.cut, maxResults)
	}
	return b.String()
}

// chart draws the findings of all platforms by severity.
//
// https://mermaid.js.org/syntax/xyChart.html
func (r Result) chart(b *strings.Builder) {
	var names, bars []string
	for i, n := range []int{r.Critical, r.High, r.Medium, r.Low, r.Unknown} {
		names = append(names, strings.ToLower(trivy.Severities()[i].String()))
		bars = append(bars, fmt.Sprint(n))
	}
	fmt.Fprintf(b, "\n```mermaid\nxychart-beta\n  title \"Findings, each once for all platforms\"\n  x-axis [%s]\n  y-axis \"findings\"\n  bar [%s]\n```\n",
		strings.Join(names, ", "), strings.Join(bars, ", "))
}

// list writes the first findings as a table.
func list(b *strings.Builder, findings []Finding) {
	b.WriteString("| severity | finding | in | installed | fixed in | platforms | |\n|---|---|---|---|---|---|---|\n")
	for _, f := range findings[:min(worst, len(findings))] {
		var platforms []string
		for _, p := range f.Platforms {
			platforms = append(platforms, p.String())
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", strings.ToLower(f.Severity.String()), link(f), markdown.Code(f.where()),
			markdown.Code(f.Installed), markdown.Code(f.Fixed), markdown.Code(strings.Join(platforms, ", ")), markdown.Code(markdown.Prefix(f.Title, maxTitle, utf8.RuneCountInString)))
	}
}

// link is the finding's ID, with its page where that is on the web.
func link(f Finding) string {
	u, err := url.Parse(f.URL)
	if err != nil || u.Scheme != "https" || strings.ContainsAny(f.URL, "()<>|\\\"` \t\r\n") {
		return markdown.Code(f.ID)
	}
	return "[" + markdown.Code(f.ID) + "](" + f.URL + ")"
}
