package sbom

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/org/release-actions/internal/markdown"
)

// Result says where the documents are and how much is in them.
type Result struct {
	// Files are the paths of the SPDX and CycloneDX documents: those of each
	// platform, then those of the index.
	Files []string `output:"files"`
	// ExtraFiles are those in other formats.
	ExtraFiles []string `output:"extra-files"`
	Packages   Counts   `output:"packages"`
	Ecosystems Contents `output:"ecosystems"`
	// Changes is the path of a JSON file with a Changes, or "".
	Changes string `output:"changes"`

	changes *Changes
	place   string // where the image was read; "" for a registry
}

// Contents are the packages that the image of each platform has, in the order of
// the index.
type Contents []contents

type contents struct {
	platform string
	packages []component
}

// MarshalText returns their numbers by ecosystem as a JSON object:
// {"linux/amd64":{"apk":9}}.
func (c Contents) MarshalText() ([]byte, error) {
	numbers := make(map[string]map[string]int, len(c))
	for _, platform := range c {
		numbers[platform.platform] = platform.count()
	}
	return json.Marshal(numbers)
}

// count returns the number of packages in each ecosystem.
func (c contents) count() map[string]int {
	n := map[string]int{}
	for _, p := range c.packages {
		n[p.ecosystem]++
	}
	return n
}

// Counts are the numbers of packages by platform, in the order of the index.
type Counts []Count

// Count is the number of packages in the image of one platform.
type Count struct {
	Platform string
	Packages int
}

// MarshalText returns a JSON object: {"linux/amd64":12}.
func (c Counts) MarshalText() ([]byte, error) {
	numbers := make(map[string]int, len(c))
	for _, count := range c {
		numbers[count.Platform] = count.Packages
	}
	return json.Marshal(numbers)
}

func report(cfg Config, found []catalogue) Result {
	var r Result
	switch {
	case cfg.Layout != "":
		r.place = "the OCI layout " + markdown.Code(cfg.Layout)
	case cfg.Archive != "":
		r.place = "the archive " + markdown.Code(cfg.Archive)
	}
	for _, c := range found {
		r.add(c)
		r.Packages = append(r.Packages, Count{c.about.platform.String(), len(c.packages)})
		r.Ecosystems = append(r.Ecosystems, contents{c.about.platform.String(), c.packages})
	}
	return r
}

func (r *Result) add(c catalogue) {
	r.Files = append(r.Files, c.files...)
	r.ExtraFiles = append(r.ExtraFiles, c.extra...)
}

// ecosystems returns the packages of each platform by ecosystem, with its heading.
func (r Result) ecosystems() [][]string {
	all := map[string]int{}
	counts := make([]map[string]int, len(r.Ecosystems))
	for i, c := range r.Ecosystems {
		counts[i] = c.count()
		maps.Copy(all, counts[i])
	}
	names := slices.Sorted(maps.Keys(all))
	rows := [][]string{append(append([]string{"platform"}, names...), "packages")}
	for i, c := range r.Ecosystems {
		row := []string{c.platform}
		for _, name := range names {
			row = append(row, fmt.Sprint(counts[i][name]))
		}
		rows = append(rows, append(row, fmt.Sprint(len(c.packages))))
	}
	return rows
}

// Summary returns the packages, their licences and what has changed, in Markdown.
func (r Result) Summary() string {
	if len(r.Packages) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Packages\n\n")
	if r.place != "" {
		fmt.Fprintf(&b, "Read from %s, not from a registry.\n\n", r.place)
	}
	writeTable(&b, r.ecosystems())
	r.writeLicenses(&b)
	r.changes.summary(&b)
	return b.String()
}

// writeTable writes rows, of which the first is the heading and each begins
// with foreign text, while numbers follow.
func writeTable(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		if i > 0 {
			row = append([]string{markdown.Code(row[0])}, row[1:]...)
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|---" + strings.Repeat("|--:", len(row)-1) + "|\n")
		}
	}
}

// Print writes the packages and the paths as plain text.
func (r Result) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Packages) > 0 {
		for _, row := range r.ecosystems() {
			_, _ = fmt.Fprintln(table, strings.Join(row, "\t")) // Flush tells
		}
	}
	r.changes.print(table)
	for _, path := range append(slices.Clone(r.Files), r.ExtraFiles...) {
		_, _ = fmt.Fprintln(table, path) // Flush tells
	}
	return table.Flush()
}
