package sbom

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxLicenses bounds the licences in the summary: a chart of more can't be read.
const maxLicenses = 10

// noLicense stands for packages that state none.
const noLicense = "none stated"

// tally is a name and how often it is there.
type tally struct {
	name  string
	count int
}

// licenses counts the packages under each licence, the most frequent first.
// What several platforms have counts once, and a package with several licences
// under each.
func (r Result) licenses() []tally {
	seen := map[string]bool{}
	counts := map[string]int{}
	for _, c := range r.Ecosystems {
		for _, p := range c.packages {
			id := strings.Join([]string{p.ecosystem, p.name, p.version}, "\x00")
			if seen[id] {
				continue
			}
			seen[id] = true
			for _, l := range p.licenses {
				counts[l]++
			}
			if len(p.licenses) == 0 {
				counts[noLicense]++
			}
		}
	}
	var all []tally
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, tally{name, counts[name]})
	}
	slices.SortStableFunc(all, func(a, b tally) int { return cmp.Compare(b.count, a.count) })
	if len(all) > maxLicenses {
		others := tally{name: fmt.Sprintf("%d others", len(all)-maxLicenses+1)}
		for _, t := range all[maxLicenses-1:] {
			others.count += t.count
		}
		all = append(all[:maxLicenses-1:maxLicenses-1], others)
	}
	return all
}

// writeLicenses writes a table and a chart.
func (r Result) writeLicenses(b *strings.Builder) {
	all := r.licenses()
	if len(all) == 0 {
		return
	}
	b.WriteString("\n### Licences\n\n")
	rows := [][]string{{"licence", "packages"}}
	for _, t := range all {
		rows = append(rows, []string{t.name, fmt.Sprint(t.count)})
	}
	writeTable(b, rows)
	b.WriteString("\n```mermaid\npie showData\n    title Packages by licence\n")
	for _, t := range all {
		fmt.Fprintf(b, "    \"%s\" : %d\n", label(t.name), t.count)
	}
	b.WriteString("```\n")
}

// label writes text as Mermaid takes it between quotes: what might end the
// string, the fence around it or begin a directive is a character's number.
//
// https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
func label(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" .,+-_/():", r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
