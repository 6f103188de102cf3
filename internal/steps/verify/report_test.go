package verify_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/steps/verify"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text, in which addresses are replaced, with a file.
func golden(t *testing.T, w *evidencetest.World, name, text string) {
	t.Helper()
	for n, r := range w.Registries {
		text = strings.ReplaceAll(text, r.Repository.Host(), []string{"one.example", "two.example"}[n])
	}
	text = regexp.MustCompile(`"time": "[^"]*"`).ReplaceAllString(text, `"time": "2026-01-02T03:04:05Z"`)
	text = regexp.MustCompile(`(log index |"logIndex": )\d+`).ReplaceAllString(text, "${1}1000")
	text = regexp.MustCompile(`("claim/v1": )"[^"]*"`).ReplaceAllString(text, `$1"of the name"`)
	// protobuf varies its blanks on purpose.
	text = strings.ReplaceAll(text, "\u00a0", " ")
	// The port's width decides on the table's columns.
	text = regexp.MustCompile(` {2,}`).ReplaceAllString(text, "  ")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs:\n%s", path, text)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	w := release(t, intoto.CycloneDX)
	c := config(w)
	// What nobody signed in one of the registries, and what others attached.
	w.Attach(t, 1, w.Digests[0], intoto.CycloneDX, []byte("\x1b[31m{"))
	c.Platforms = append(c.Platforms, image.Platform{OS: "linux", Arch: "riscv64"})
	for format, name := range map[string]string{"text": "refused.txt", "json": "refused.json"} {
		c.Output = format
		result, err := run(t, w, c)
		if err == nil {
			t.Fatal("verified")
		}
		var out bytes.Buffer
		if err := result.Print(&out); err != nil {
			t.Fatal(err)
		}
		golden(t, w, name, out.String())
		golden(t, w, "refused.md", result.Summary())
		if strings.ContainsRune(out.String()+result.Summary()+err.Error(), '\x1b') {
			t.Error("control characters of others are printed")
		}
	}
}

func TestAVerifiedReleaseIsReported(t *testing.T) {
	t.Parallel()
	w := release(t)
	c := config(w)
	c.Output = "json"
	result, err := run(t, w, c)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := result.Print(&out); err != nil {
		t.Fatal(err)
	}
	var printed, output verify.Report
	if err := json.Unmarshal(out.Bytes(), &printed); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(result.Report, &output); err != nil {
		t.Fatal(err)
	}
	if printed.Verdict != verify.Verified || printed.Digest != w.Digests[0] || len(printed.Checks) != len(output.Checks) {
		t.Errorf("printed %s %s", printed.Verdict, printed.Digest)
	}
	golden(t, w, "verified.md", result.Summary())
}

func TestNothingIsReportedOfWhatWasNotChecked(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := (verify.Result{}).Print(&out); err != nil || out.Len() > 0 || (verify.Result{}).Summary() != "" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestInputsThatDoNotFitTogetherAreRefused(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	if err := config(w).Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for want, edit := range map[string]func(*verify.Config){
		"are both given":           func(c *verify.Config) { c.Policy.IdentityRegexp = ".*" },
		"not a regular expression": func(c *verify.Config) { c.Policy.Identity, c.Policy.IdentityRegexp = "", "(" },
		`"yaml"`:                   func(c *verify.Config) { c.Output = "yaml" },
	} {
		c := config(w)
		edit(&c)
		err := c.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if _, err := run(t, w, c); err == nil {
			t.Errorf("%s: it runs", want)
		}
	}
}
