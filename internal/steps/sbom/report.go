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
	// Files are the paths of the documents: those of each platform, then those
	// of the index.
	Files    []string `output:"files"`
	Packages Counts   `output:"packages"`

	ecosystems []map[string]int // for each platform of Packages
	layout     string           // where the image was read; "" for a registry
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

func report(dir string, found []catalogue) Result {
	var r Result
	for _, c := range found {
		total := 0
		for _, n := range c.packages {
			total += n
		}
		r.Files = append(r.Files, c.files(dir)...)
		r.Packages = append(r.Packages, Count{c.about.platform.String(), total})
		r.ecosystems = append(r.ecosystems, c.packages)
	}
	return r
}

// table returns the packages of each platform by ecosystem, with its heading.
func (r Result) table() [][]string {
	all := map[string]bool{}
	for _, e := range r.ecosystems {
		for name := range e {
			all[name] = true
		}
	}
	names := slices.Sorted(maps.Keys(all))
	rows := [][]string{append(append([]string{"platform"}, names...), "packages")}
	for i, e := range r.ecosystems {
		row := []string{r.Packages[i].Platform}
		for _, name := range names {
			row = append(row, fmt.Sprint(e[name]))
		}
		rows = append(rows, append(row, fmt.Sprint(r.Packages[i].Packages)))
	}
	return rows
}

// Summary returns the table in Markdown.
func (r Result) Summary() string {
	if len(r.Packages) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Packages\n\n")
	if r.layout != "" {
		fmt.Fprintf(&b, "Read from the OCI layout %s, not from a registry.\n\n", markdown.Code(r.layout))
	}
	for i, row := range r.table() {
		if i > 0 {
			row[0] = markdown.Code(row[0])
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|---" + strings.Repeat("|--:", len(row)-1) + "|\n")
		}
	}
	return b.String()
}

// Print writes the table and the paths as plain text.
func (r Result) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Packages) > 0 {
		for _, row := range r.table() {
			_, _ = fmt.Fprintln(table, strings.Join(row, "\t")) // Flush tells
		}
	}
	for _, path := range r.Files {
		_, _ = fmt.Fprintln(table, path) // Flush tells
	}
	return table.Flush()
}
