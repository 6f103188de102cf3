package sbom

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/markdown"
)

// maxChanges bounds the changes in the summary: a job's summary holds 1 MiB.
const maxChanges = 100

// summary writes what has changed, in Markdown.
func (c *Changes) summary(b *strings.Builder) {
	if c == nil {
		return
	}
	fmt.Fprintf(b, "\n### Changes since `%s`\n\n", c.Since)
	for _, list := range []struct {
		what      string
		platforms []string
	}{{"New", c.AddedPlatforms}, {"Gone", c.RemovedPlatforms}} {
		if len(list.platforms) > 0 {
			fmt.Fprintf(b, "%s: %s.\n\n", list.what, strings.Join(list.platforms, ", "))
		}
	}
	rows := [][]string{{"platform", "added", "removed", "changed"}}
	for _, p := range c.Platforms {
		rows = append(rows, []string{p.Platform, fmt.Sprint(len(p.Added)), fmt.Sprint(len(p.Removed)), fmt.Sprint(len(p.Changed))})
	}
	writeTable(b, rows)
	c.list(b)
}

// list names the packages, each once for all platforms with the same change.
func (c *Changes) list(b *strings.Builder) {
	var order []string
	platforms := map[string][]string{}
	for _, p := range c.Platforms {
		for _, change := range slices.Concat(p.Added, p.Removed, p.Changed) {
			row := change.row()
			if platforms[row] == nil {
				order = append(order, row)
			}
			platforms[row] = append(platforms[row], p.Platform)
		}
	}
	if len(order) == 0 {
		return
	}
	b.WriteString("\n| package | ecosystem | before | now | platforms |\n|---|---|---|---|---|\n")
	for n, row := range order {
		if n == maxChanges {
			fmt.Fprintf(b, "\nAnd %d more: see the output `changes`.\n", len(order)-n)
			return
		}
		on := "all"
		if len(platforms[row]) < len(c.Platforms) {
			on = strings.Join(platforms[row], ", ")
		}
		fmt.Fprintf(b, "%s %s |\n", row, on)
	}
}

// row returns the change as the beginning of a table's row.
func (c Change) row() string {
	return fmt.Sprintf("| %s | %s | %s | %s |", markdown.Code(c.Name), c.Ecosystem,
		markdown.Code(strings.Join(c.From, ", ")), markdown.Code(strings.Join(c.To, ", ")))
}

// print writes the changes as plain text, one a line.
func (c *Changes) print(w io.Writer) {
	if c == nil {
		return
	}
	for _, p := range c.Platforms {
		for _, change := range slices.Concat(p.Added, p.Removed, p.Changed) {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t→\t%s\n", p.Platform, change.Name, // Flush tells
				strings.Join(change.From, ", "), strings.Join(change.To, ", "))
		}
	}
}
