package trivy

import (
	"os"
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
	if report.OS == nil || report.OS.String() != "alpine 3.20.3" || !report.OS.EOSL || report.Packages != 7 || report.Nothing() {
		t.Errorf("of %v, with %d packages", report.OS, report.Packages)
	}
	if count := report.Count(); count[Critical] != 1 || count[High] != 2 || count[Medium] != 3 || count[Low] != 1 {
		t.Errorf("findings %v", count)
	}
	want := Finding{
		Kind: Vulnerability, ID: "CVE-0000-0015", Severity: Medium, Title: "Test data: busybox is another program than its name says",
		URL: "https://avd.aquasec.com/nvd/cve-0000-0015", Target: "sbom.cdx.json (alpine 3.20.3)",
		Package: "busybox", Installed: "1.36.1-r29", Fixed: "1.36.1-r99",
	}
	if len(report.Findings) != 7 || report.Findings[0] != want {
		t.Errorf("findings %+v", report.Findings)
	}
}

func TestReportOfOtherFindings(t *testing.T) {
	t.Parallel()
	report, err := parseReport([]byte(`{"SchemaVersion":2,"Metadata":{"OS":{"Family":"none"}},"Results":[
		{"Target":"Dockerfile","Misconfigurations":[{"ID":"DS-0002","Title":"root","Severity":"HIGH","Status":"FAIL","PrimaryURL":"u"},{"ID":"DS-0001","Severity":"LOW","Status":"PASS"}]},
		{"Target":"/app/key","Secrets":[{"RuleID":"private-key","Title":"a key","Severity":"CRITICAL"}]},
		{"Target":"OS Packages","Licenses":[{"Severity":"medium","PkgName":"bash","Name":"GPL-3.0"},{"Severity":"LOW","FilePath":"a.js","Name":"MIT"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{Kind: Misconfiguration, ID: "DS-0002", Severity: High, Title: "root", URL: "u", Target: "Dockerfile"},
		{Kind: Secret, ID: "private-key", Severity: Critical, Title: "a key", Target: "/app/key"},
		{Kind: License, ID: "GPL-3.0", Severity: Medium, Title: "GPL-3.0", Target: "OS Packages", Package: "bash"},
		{Kind: License, ID: "MIT", Severity: Low, Title: "MIT", Target: "a.js"},
	}
	if report.OS != nil || len(report.Findings) != len(want) {
		t.Fatalf("%+v", report)
	}
	for i, f := range report.Findings {
		if f != want[i] {
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
