package scan

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/trivy"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := recorded(t, name); got != want {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trivytest.Plan{})
	cfg := w.config(w.push("1", "linux/amd64", "linux/arm64"))
	cfg.FailOn, cfg.OnlyFixed = severity(trivy.Critical), true
	result, err := w.run(cfg)
	if err == nil {
		t.Fatal("the gate is open")
	}
	amd64 := image.Platform{OS: "linux", Arch: "amd64"}
	foreign := Finding{trivy.Finding{Kind: trivy.Secret, ID: "a|b", URL: "javascript:x", Title: strings.Repeat("<b>", 40), Target: "/app/`key`"}, []image.Platform{amd64}}
	result.compared = &comparison{with: "ghcr.io/acme/app:1", added: []Finding{foreign}}
	result.cut = 3
	golden(t, "summary.md", result.Summary())
	var b strings.Builder
	result.Reports, result.SARIF, result.Predicates = []string{"out/scan-linux-amd64.json"}, nil, nil
	if err := result.Print(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "printed.txt", b.String())
}

func TestSummaryOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trivytest.Plan{Report: `{"SchemaVersion":2,"Results":[{"Packages":[{}]}]}`})
	cfg := w.config(w.push("1", "linux/amd64"))
	cfg.FailOn, cfg.Upload = severity(trivy.Low), uploadNever
	result, err := w.run(cfg)
	if err != nil || !strings.Contains(result.Summary(), "Nothing was found") || strings.Contains(result.Summary(), "mermaid") {
		t.Errorf("%v\n%s", err, result.Summary())
	}
	if (Result{}).Summary() != "" {
		t.Error("a step that found nothing to scan has a summary")
	}
}
