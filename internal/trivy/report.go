package trivy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/org/release-actions/internal/hint"
)

// maxReport bounds what is read of a report, in bytes.
const maxReport = 128 << 20

// Severity is how bad a finding is, in Trivy's five steps.
type Severity int

// The severities, mildest first.
const (
	Unknown Severity = iota
	Low
	Medium
	High
	Critical
)

var severities = []string{"UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"}

// Severities returns all of them, the worst first.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, Unknown} }

// String returns the name in capitals, as Trivy writes it.
func (s Severity) String() string { return severities[s] }

// MarshalText returns String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name in any case.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, name := range severities {
		if strings.EqualFold(name, string(text)) {
			*s = Severity(i)
			return nil
		}
	}
	return hint.Wrap(fmt.Errorf("severity %q is none of Trivy's", text), "write one of %s", strings.Join(severities, ", "))
}

// Report is what a scan found.
type Report struct {
	// OS is the operating system of the image; nil where there is none, or
	// none that Trivy knows.
	OS *OS
	// Packages counts those that Trivy looked at.
	Packages int
	Findings []Finding
	// JSON is the report as Trivy wrote it.
	JSON []byte
	// Database is when the database was made that the scan went by.
	Database time.Time
}

// OS is an operating system.
type OS struct {
	Family, Name string
	EOSL         bool // nobody mends it any more
	// Unsupported systems are known, but there are no advisories about them.
	Unsupported bool `json:"-"`
}

// String returns family and name: "debian 12.11".
func (o OS) String() string { return o.Family + " " + o.Name }

// Kinds of findings.
const (
	Vulnerability    = "vulnerability"
	Misconfiguration = "misconfiguration"
	Secret           = "secret"
	License          = "license"
)

// Finding is one thing that is wrong in an image.
type Finding struct {
	Kind        string
	ID          string // CVE-2026-1234, or the rule's
	Severity    Severity
	Score       float64 // by CVSS 3, from who tells the severity; 0 where there is none
	Title       string
	Description string
	URL         string
	// Target is where it is: the operating system, a file, or a kind of packages.
	Target string
	// File is the same without the image's own name: "" for what is of the image
	// itself or of its operating system. Lines are the file's.
	File  string
	Lines []Lines
	// Of a vulnerability: the package and its versions. Fixed is "" where there
	// is no fix, or lists several.
	Package, Installed, Fixed string
}

// Lines are the first and the last of some lines, from 1 on; 0 where they aren't
// known.
type Lines struct{ StartLine, EndLine int }

// Nothing reports whether Trivy saw nothing in the image that it could judge:
// no operating system that it knows, and no packages.
func (r Report) Nothing() bool { return r.OS == nil && r.Packages == 0 && len(r.Findings) == 0 }

// Count counts the findings by severity.
func (r Report) Count() map[Severity]int {
	count := map[Severity]int{}
	for _, f := range r.Findings {
		count[f.Severity]++
	}
	return count
}

// file is a report in Trivy's JSON format.
//
// https://github.com/aquasecurity/trivy/blob/v0.69.3/pkg/types/report.go
type file struct {
	SchemaVersion int
	ArtifactName  string
	Metadata      struct{ OS *OS }
	Results       []struct {
		Target, Class     string
		Packages          []installed
		Vulnerabilities   []vulnerability
		Misconfigurations []rule
		Secrets           []rule
		Licenses          []struct {
			Severity                Severity
			PkgName, FilePath, Name string
			Link                    string
		}
	}
}

// installed is a package that was found.
type installed struct {
	Name, Version string
	Locations     []Lines
}

// vulnerability is a finding that an advisory tells of.
type vulnerability struct {
	VulnerabilityID, PkgName, PkgPath string
	InstalledVersion, FixedVersion    string
	Severity                          Severity
	SeveritySource                    string
	CVSS                              map[string]struct{ V3Score float64 }
	Title, Description, PrimaryURL    string
}

// rule is a finding that names a rule.
type rule struct {
	ID, RuleID, Title, Description, PrimaryURL string
	Severity                                   Severity
	Status                                     string // of a misconfiguration: FAIL or PASS
	CauseMetadata                              Lines  // of a misconfiguration
	Lines                                             // of a secret
}

func readReport(path string) (Report, error) {
	text, err := readBounded(path)
	if err != nil {
		return Report{}, err
	}
	return parseReport(text)
}

// readBounded reads a file that Trivy wrote.
func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trivy wrote nothing: %w", err)
	}
	defer func() { _ = file.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(file, maxReport+1))
	if err == nil && len(text) > maxReport {
		err = fmt.Errorf("trivy wrote more than %d MiB", maxReport>>20)
	}
	return text, err
}

func parseReport(text []byte) (Report, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return Report{}, fmt.Errorf("read trivy's report: %w", err)
	}
	if f.SchemaVersion != 2 {
		return Report{}, fmt.Errorf("trivy's report has the schema %d, not 2", f.SchemaVersion)
	}
	report := Report{OS: f.Metadata.OS, JSON: text}
	if report.OS != nil && (report.OS.Family == "" || report.OS.Family == "none") {
		report.OS = nil
	}
	for _, r := range f.Results {
		report.Packages += len(r.Packages)
		file := r.Target
		if r.Class == systemPackages || r.Target == f.ArtifactName {
			file = ""
		}
		lines := locations(r.Packages)
		for _, v := range r.Vulnerabilities {
			report.Findings = append(report.Findings, Finding{
				Kind: Vulnerability, ID: v.VulnerabilityID, Severity: v.Severity, Score: v.CVSS[v.SeveritySource].V3Score,
				Title: v.Title, Description: v.Description, URL: v.PrimaryURL,
				Target: cmp.Or(v.PkgPath, r.Target), File: cmp.Or(v.PkgPath, file), Lines: lines[[2]string{v.PkgName, v.InstalledVersion}],
				Package: v.PkgName, Installed: v.InstalledVersion, Fixed: v.FixedVersion,
			})
		}
		for _, m := range r.Misconfigurations {
			if m.Status == "FAIL" {
				report.Findings = append(report.Findings, Finding{
					Kind: Misconfiguration, ID: m.ID, Severity: m.Severity, Title: m.Title, Description: m.Description, URL: m.PrimaryURL,
					Target: r.Target, File: file, Lines: []Lines{m.CauseMetadata},
				})
			}
		}
		for _, s := range r.Secrets {
			report.Findings = append(report.Findings, Finding{
				Kind: Secret, ID: s.RuleID, Severity: s.Severity, Title: s.Title, Target: r.Target, File: file, Lines: []Lines{s.Lines},
			})
		}
		for _, l := range r.Licenses {
			report.Findings = append(report.Findings, Finding{
				Kind: License, ID: l.Name, Severity: l.Severity, Title: l.Name, URL: l.Link,
				Target: cmp.Or(l.FilePath, r.Target), File: cmp.Or(l.FilePath, file), Package: l.PkgName,
			})
		}
	}
	return report, nil
}

// systemPackages is the class of what the operating system has installed.
const systemPackages = "os-pkgs"

// locations are where packages are named, such as in a lock file, by name and
// version. The first one of a name and version counts.
func locations(packages []installed) map[[2]string][]Lines {
	all := map[[2]string][]Lines{}
	for _, p := range packages {
		if key := [2]string{p.Name, p.Version}; all[key] == nil {
			all[key] = p.Locations
		}
	}
	return all
}
