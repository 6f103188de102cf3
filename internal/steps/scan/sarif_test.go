package scan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/trivy"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

var app = func() image.Pinned {
	p, err := image.ParsePinned("ghcr.io/acme/app@sha256:" + strings.Repeat("a", 64))
	if err != nil {
		panic(err)
	}
	return p
}()

// places are what a SARIF file says, in order: rule, level, score and where.
func places(t *testing.T, sarif []byte) (all []string) {
	t.Helper()
	var d document
	if err := json.Unmarshal(sarif, &d); err != nil {
		t.Fatal(err)
	}
	for _, r := range d.Runs[0].Results {
		rule := d.Runs[0].Tool.Driver.Rules[r.Index]
		if rule.ID != r.Rule || rule.Default.Level != r.Level {
			t.Errorf("%s (%s) has the rule %s (%s)", r.Rule, r.Level, rule.ID, rule.Default.Level)
		}
		for _, l := range r.Locations {
			all = append(all, fmt.Sprintf("%s %s %s %s:%d-%d", r.Rule, r.Level, rule.Properties.Score, l.Physical.Artifact.URI, l.Physical.Region.Start, l.Physical.Region.End))
		}
	}
	slices.Sort(all)
	return all
}

// TestFindsAsTrivy holds our SARIF against that which Trivy makes of the same
// report: of vulnerabilities, and of all kinds of findings.
func TestFindsAsTrivy(t *testing.T) {
	t.Parallel()
	// Where Trivy has what isn't good for code scanning.
	better := strings.NewReplacer(
		" /", " ", // an absolute path
		" "+app.String()+":", " acme/app:", // another file with each release
		"GPL-3.0-only error 8.0 Node.js:", "GPL-3.0-only error 8.0 app/node_modules/lodash/package.json:", // no file
	)
	for _, name := range []string{"alpine", "kinds"} {
		w := newWorld(t, trivytest.Plan{Report: recorded(t, name+".json")})
		cfg := w.config(w.push("1", "linux/arm64"))
		cfg.Upload = uploadRequired
		result, err := w.run(cfg)
		if err != nil {
			t.Fatal(err)
		}
		validate(t, result.SARIF[0])
		written, err := os.ReadFile(result.SARIF[0])
		if err != nil {
			t.Fatal(err)
		}
		want := places(t, []byte(recorded(t, name+".sarif")))
		for i := range want {
			want[i] = better.Replace(want[i])
		}
		slices.Sort(want)
		if got := places(t, written); len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: we have\n%s\nand Trivy\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestSARIFTellsAllThereIs(t *testing.T) {
	t.Parallel()
	at := target{image: app, report: trivy.Report{Findings: []trivy.Finding{
		{Kind: trivy.Vulnerability, ID: "CVE-1", Severity: trivy.Medium, Package: "libx", Installed: "1"},
		{Kind: trivy.Vulnerability, ID: "CVE-2", Severity: trivy.High, Score: 7.25, Title: "bad", Description: strings.Repeat("ü", 2000), URL: "https://example.com/2", Package: "libx", Installed: "1", Fixed: "2"},
		// What Trivy 0.69 can't convert: it crashes.
		{Kind: trivy.Secret, ID: "key", Severity: trivy.Critical, Title: "a key", File: "/srv/100%/a:b", URL: "javascript:x", Lines: []trivy.Lines{{StartLine: 3}, {StartLine: 5, EndLine: 7}}},
		{Kind: trivy.Secret, ID: "key", Severity: trivy.Critical, Title: "a key", File: "/srv/100%/a:b"},
		{Kind: trivy.Secret, ID: "first", Severity: trivy.Low, File: "a:b"},
		{Kind: trivy.License, ID: "GPL-3.0", Severity: trivy.Unknown, Package: "bash"},
	}}}
	d := newDocument(at, "c/linux-arm64")
	written, err := d.fit()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range d.Runs[0].Results {
		got = append(got, r.Rule+" "+r.Level+" "+r.Locations[0].Physical.Artifact.URI+" "+r.Message.Text)
	}
	want := []string{
		"key error srv/100%25/a:b a key", "key error srv/100%25/a:b a key", "CVE-2 error acme/app libx 1: bad (fixed in 2)",
		"CVE-1 warning acme/app libx 1: CVE-1 (no fix)", "first note ./a:b first", "bash:GPL-3.0 note acme/app bash: GPL-3.0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("results\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	rules := d.Runs[0].Tool.Driver.Rules
	if len(rules) != 5 || rules[0].URL != "" || rules[0].Properties.Score != "9.5" || rules[1].Properties.Score != "7.2" || rules[1].URL != "https://example.com/2" ||
		rules[1].Full.Text != strings.Repeat("ü", maxText) || !strings.HasSuffix(rules[1].Help.Markdown, "\n\n[CVE-2](https://example.com/2)") || rules[4].Properties.Score != "0.0" {
		t.Errorf("rules %+v", rules)
	}
	regions := d.Runs[0].Results[0].Locations
	if len(regions) != 2 || regions[0].Physical.Region.End != 3 || regions[1].Physical.Region.End != 7 {
		t.Errorf("lines %+v", regions)
	}
	if id := d.Runs[0].Automation.ID; id != "c/linux-arm64/" {
		t.Errorf("category %q", id)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(d.gzip))
	if err != nil {
		t.Fatal(err)
	}
	if sent, err := io.ReadAll(unzipped); err != nil || !bytes.Equal(sent, written) {
		t.Errorf("what is uploaded isn't what is written: %v", err)
	}
}

func TestAlertsStayTheSame(t *testing.T) {
	t.Parallel()
	finding := trivy.Finding{Kind: trivy.Vulnerability, ID: "CVE-1", Package: "libx", Installed: "1", File: "a"}
	print := func(findings ...trivy.Finding) (prints []string) {
		for _, r := range newDocument(target{report: trivy.Report{Findings: findings}}, "c").Runs[0].Results {
			prints = append(prints, r.Fingerprints["primaryLocationLineHash"])
		}
		return prints
	}
	first := print(finding, finding)
	updated, elsewhere, other := finding, finding, finding
	updated.Installed, elsewhere.File, other.Package = "2", "b", "liby"
	if first[0] == first[1] || !slices.Equal(print(updated), first[:1]) {
		t.Errorf("%q, and then %q", first, print(updated))
	}
	if slices.Equal(print(elsewhere), first[:1]) || slices.Equal(print(other), first[:1]) {
		t.Errorf("%q of others, too", first)
	}
}

// many is a document with n results, half of which are bad, each of the size.
func many(n, size int) document {
	var findings []trivy.Finding
	noise := rand.New(rand.NewPCG(1, 2)) // text that can't be compressed
	for i := range n {
		var title strings.Builder
		for title.Len() < size {
			fmt.Fprintf(&title, "%x", noise.Uint64())
		}
		severity := []trivy.Severity{trivy.Low, trivy.Critical}[i%2]
		findings = append(findings, trivy.Finding{Kind: trivy.Secret, ID: severity.String(), Severity: severity, Title: title.String()})
	}
	return newDocument(target{report: trivy.Report{Findings: findings}}, "c")
}

func TestTheWorstResultsStay(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]document{"too many": many(maxResults+10, 0), "too large": many(12_000, 2500)} {
		before := len(d.Runs[0].Results)
		if _, err := d.fit(); err != nil {
			t.Fatal(err)
		}
		left := d.Runs[0].Results
		if len(left) > maxResults || len(d.gzip) > maxGzip || d.cut != before-len(left) || d.cut == 0 || left[0].Rule != "CRITICAL" {
			t.Errorf("%s: %d results in %d bytes are left, %d were cut", name, len(left), len(d.gzip), d.cut)
		}
	}
}
