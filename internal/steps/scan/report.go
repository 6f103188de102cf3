package scan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/trivy"
)

// Result says what was found, and what the gate makes of it.
type Result struct {
	Gate string `output:"gate"` // passed, refused, undecided or off
	// Of all platforms, each finding once.
	Critical int `output:"critical"`
	High     int `output:"high"`
	Medium   int `output:"medium"`
	Low      int `output:"low"`
	Unknown  int `output:"unknown"`
	// Findings are the numbers by platform and severity.
	Findings Counts `output:"findings"`
	New      int    `output:"new-findings"`  // since the release that is compared to
	Gone     int    `output:"gone-findings"` // since then

	Reports    []string `output:"reports"` // files of Trivy's own format
	SARIF      []string `output:"sarif"`
	Predicates []string `output:"vulnerability-reports"` // files that attest takes

	findings []Finding
	systems  []string // of the platforms in Findings
	compared *comparison
	uploaded bool
	cut      int // results left out of the SARIF files
}

// Finding is a finding, and the platforms that it is on.
type Finding struct {
	trivy.Finding
	Platforms []image.Platform
}

// Counts are numbers of findings, in the order of the index.
type Counts []Count

// Count is what was found on one platform.
type Count struct {
	Platform image.Platform
	By       map[trivy.Severity]int
}

// MarshalText returns a JSON object: {"linux/amd64":{"CRITICAL":1}}.
func (c Counts) MarshalText() ([]byte, error) {
	numbers := make(map[string]map[trivy.Severity]int, len(c))
	for _, count := range c {
		numbers[count.Platform.String()] = count.By
	}
	return json.Marshal(numbers)
}

func report(targets []target) Result {
	var r Result
	for _, t := range targets {
		r.Findings = append(r.Findings, Count{t.platform, t.report.Count()})
		system := "none"
		if t.report.OS != nil {
			system = t.report.OS.String()
		}
		r.systems = append(r.systems, system)
	}
	r.findings = union(targets)
	numbers := map[trivy.Severity]*int{trivy.Critical: &r.Critical, trivy.High: &r.High, trivy.Medium: &r.Medium, trivy.Low: &r.Low, trivy.Unknown: &r.Unknown}
	for _, f := range r.findings {
		*numbers[f.Severity]++
	}
	return r
}

// key tells findings apart, wherever in an image they are.
type key struct{ kind, id, pkg, installed string }

// union returns the findings of all platforms, each once and the worst first.
func union(targets []target) []Finding {
	var all []Finding
	at := map[key]int{}
	for _, t := range targets {
		for _, f := range t.report.Findings {
			k := key{f.Kind, f.ID, f.Package, f.Installed}
			n, ok := at[k]
			if !ok {
				n = len(all)
				at[k] = n
				all = append(all, Finding{Finding: f})
			}
			if !slices.Contains(all[n].Platforms, t.platform) {
				all[n].Platforms = append(all[n].Platforms, t.platform)
			}
			all[n].Severity = max(all[n].Severity, f.Severity)
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Installed, b.Installed))
	})
	return all
}

// warn says what a reader of the numbers should know.
func warn(log *slog.Logger, targets []target) {
	for _, t := range targets {
		platform := t.platform.String()
		switch os := t.report.OS; {
		case t.report.Nothing():
			log.Warn("Trivy knows nothing in the image: that there are no findings says nothing", "platform", platform)
		case os != nil && os.Unsupported:
			log.Warn("there are no advisories about the operating system: only packages of languages were judged", "platform", platform, "system", os.String())
		case os != nil && os.EOSL:
			log.Warn("nobody mends the operating system any more: new advisories may not tell of it", "platform", platform, "system", os.String())
		}
	}
}

// table returns the numbers by platform and severity, with their heading.
func (r Result) table() [][]string {
	heading := []string{"platform", "system"}
	for _, s := range trivy.Severities() {
		heading = append(heading, strings.ToLower(s.String()))
	}
	rows := [][]string{heading}
	for i, count := range r.Findings {
		row := []string{count.Platform.String(), r.systems[i]}
		for _, s := range trivy.Severities() {
			row = append(row, fmt.Sprint(count.By[s]))
		}
		rows = append(rows, row)
	}
	return rows
}

// Print writes the numbers and all findings as plain text.
func (r Result) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Findings) > 0 {
		for _, row := range r.table() {
			_, _ = fmt.Fprintln(table, strings.Join(row, "\t")) // Flush tells
		}
		if err := table.Flush(); err != nil { // what follows has columns of its own
			return err
		}
	}
	for _, f := range r.findings {
		_, _ = fmt.Fprintln(table, strings.Join([]string{f.Severity.String(), f.ID, f.where(), f.Installed, f.Fixed}, "\t")) // Flush tells
	}
	for _, path := range slices.Concat(r.Reports, r.SARIF, r.Predicates) {
		_, _ = fmt.Fprintln(table, path) // Flush tells
	}
	return table.Flush()
}

// where names the package, or the file of a finding without one.
func (f Finding) where() string { return cmp.Or(f.Package, f.Target) }
