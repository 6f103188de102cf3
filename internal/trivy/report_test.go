package trivy

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

// TestReportOfTrivy reads a report that Trivy made of a document for Alpine, of
// which some packages were cut.
func TestReportOfTrivy(t *testing.T) {
	t.Parallel()
	report, err := readReport("testdata/alpine.json")
	if err != nil {
		t.Fatal(err)
	}
	if report.OS == nil || report.OS.String() != "alpine 3.20.3" || !report.OS.EOSL || report.Packages != 4 || report.Nothing() {
		t.Errorf("of %v, with %d packages", report.OS, report.Packages)
	}
	if count := report.Count(); count[Critical] != 2 || count[High] != 4 || count[Medium] != 5 || count[Low] != 2 {
		t.Errorf("findings %v", count)
	}
	want := Finding{
		Kind: Vulnerability, ID: "CVE-0000-0015", Severity: Medium, Title: "Test data: busybox is another program than its name says",
		URL: "https://avd.aquasec.com/nvd/cve-0000-0015", Target: "ghcr.io/acme/app@sha256:" + strings.Repeat("a", 64) + " (alpine 3.20.3)",
		Description: "This advisory is test data of a local world. Nobody has issued it.",
		Package:     "busybox", Installed: "1.36.1-r29", Fixed: "1.36.1-r99",
	}
	if len(report.Findings) != 13 || !reflect.DeepEqual(report.Findings[0], want) {
		t.Errorf("findings %+v", report.Findings)
	}
}

func TestReportOfOtherFindings(t *testing.T) {
	t.Parallel()
	report, err := parseReport([]byte(`{"SchemaVersion":2,"ArtifactName":"acme/app","Metadata":{"OS":{"Family":"none"}},"Results":[
		{"Target":"acme/app","Class":"config","Misconfigurations":[
			{"ID":"DS-0002","Title":"root","Description":"why","Severity":"HIGH","Status":"FAIL","PrimaryURL":"u","CauseMetadata":{"StartLine":2,"EndLine":3}},
			{"ID":"DS-0001","Severity":"LOW","Status":"PASS"}]},
		{"Target":"/app/key","Secrets":[{"RuleID":"private-key","Title":"a key","Severity":"CRITICAL","StartLine":2,"EndLine":27}]},
		{"Target":"app/lock","Class":"lang-pkgs","Packages":[{"Name":"x","Version":"1","Locations":[{"StartLine":7,"EndLine":9}]},{"Name":"x","Version":"1"}],
			"Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"x","InstalledVersion":"1","Severity":"LOW","SeveritySource":"nvd","CVSS":{"ghsa":{"V3Score":1.1},"nvd":{"V3Score":3.1}}}]},
		{"Target":"OS Packages","Licenses":[{"Severity":"medium","PkgName":"bash","Name":"GPL-3.0"},{"Severity":"LOW","FilePath":"a.js","Name":"MIT"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{Kind: Misconfiguration, ID: "DS-0002", Severity: High, Title: "root", Description: "why", URL: "u", Target: "acme/app", Lines: []Lines{{2, 3}}},
		{Kind: Secret, ID: "private-key", Severity: Critical, Title: "a key", Target: "/app/key", File: "/app/key", Lines: []Lines{{2, 27}}},
		{Kind: Vulnerability, ID: "CVE-1", Severity: Low, Score: 3.1, Target: "app/lock", File: "app/lock", Lines: []Lines{{7, 9}}, Package: "x", Installed: "1"},
		{Kind: License, ID: "GPL-3.0", Severity: Medium, Title: "GPL-3.0", Target: "OS Packages", File: "OS Packages", Package: "bash"},
		{Kind: License, ID: "MIT", Severity: Low, Title: "MIT", Target: "a.js", File: "a.js"},
	}
	if report.OS != nil || len(report.Findings) != len(want) {
		t.Fatalf("%+v", report)
	}
	for i, f := range report.Findings {
		if !reflect.DeepEqual(f, want[i]) {
			t.Errorf("finding %+v, want %+v", f, want[i])
		}
	}
}

func TestImageWithoutAnything(t *testing.T) {
	t.Parallel()
	report, err := parseReport([]byte(`{"SchemaVersion":2,"ArtifactName":"scratch","Metadata":{"ImageConfig":{}}}`))
	if err != nil || !report.Nothing() {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestUnknownSeverityIsRefused(t *testing.T) {
	t.Parallel()
	var s Severity
	if err := s.UnmarshalText([]byte("high")); err != nil || s != High {
		t.Errorf("%s, %v", s, err)
	}
	if err := s.UnmarshalText([]byte("severe")); err == nil || len(hint.Of(err)) != 1 {
		t.Errorf("error %v with %q", err, hint.Of(err))
	}
}

func FuzzReport(f *testing.F) {
	text, err := os.ReadFile("testdata/alpine.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"SchemaVersion":2,"Results":[{"Packages":[null],"Secrets":[{}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := parseReport(text)
		if err != nil {
			return
		}
		for _, finding := range report.Findings {
			if finding.Severity < Unknown || finding.Severity > Critical || finding.Kind == "" {
				t.Errorf("finding %+v", finding)
			}
		}
	})
}
