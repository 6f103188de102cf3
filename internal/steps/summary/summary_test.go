package summary

import (
	"bytes"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/runlog"
)

var update = flag.Bool("update", false, "write the golden files anew")

// at is a moment of the run.
func at(seconds float64) time.Time {
	return time.UnixMilli(1_790_000_000_000 + int64(seconds*1000)).UTC()
}

var released = []runlog.Entry{
	{Step: "plan", Start: at(0), End: at(0.02), Summary: "## Release of `v1.2.3`\n\n- **Why**: `the tag v1.2.3 was pushed`\n"},
	{Step: "metadata", Start: at(0.1), End: at(0.3), Outputs: map[string]string{"version": "1.2.3"}, Summary: "## Tags and labels\n"},
	{Step: "build-push", Start: at(0.4), End: at(95), Summary: "## Image\n", Outputs: map[string]string{"digest": "sha256:abc", "platforms": "linux/amd64\nlinux/arm64"}},
	{Step: "sbom", Start: at(95.1), End: at(97), Outputs: map[string]string{"packages": `{"linux/arm64":11,"linux/amd64":12}`}, Summary: "## Packages\n"},
	{Step: "sign", Start: at(97.1), End: at(97.5), Outputs: map[string]string{"certificate-identity": "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"}},
	{Step: "scan", Start: at(98), End: at(99), Outputs: map[string]string{"gate": "passed", "findings": `{"linux/amd64":{"HIGH":2,"CRITICAL":1},"linux/arm64":{}}`}, Summary: "## Findings\n"},
	{Step: "verify", Start: at(99), End: at(99.2), Outputs: map[string]string{"report": `{"checks":[{"of":"index","claim":"signature","logIndex":7},{"of":"linux/amd64","claim":"signature","logIndex":8},{"of":"index","claim":"signature","logIndex":7},{"of":"index","claim":"SPDX","logIndex":9}]}`}},
	{Step: "promote", Start: at(99.3), End: at(99.5), Outputs: map[string]string{"tags": "ghcr.io/acme/app:1.2.3\ndocker.io/acme/app:1.2.3"}, Summary: "## Tags\n"},
	{Step: "release-notes", Start: at(99.6), End: at(100), Outputs: map[string]string{"url": "https://github.com/acme/app/releases/tag/v1.2.3"}, Summary: "## Release\n"},
}

func TestPage(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]runlog.Entry{
		"released": released,
		"failed": append(released[:3:3], runlog.Entry{Step: "sign", Start: at(96), End: at(696), Error: "sign: fulcio answered 503 | for ten minutes\nhint: run it again"},
			runlog.Entry{Step: "verify", Start: at(696), End: at(696)}),
		"hostile": {
			{Step: "x\nclick y", Start: at(0), End: at(1)},
			{Step: "metadata", Start: at(2), End: at(1), Outputs: map[string]string{"version": "`|<script>"}},
			{Step: "sbom", Start: at(2), End: at(3), Outputs: map[string]string{"packages": `{"<b>|":1,"x":"y"}`}},
			{Step: "scan", Start: at(2), End: at(3), Outputs: map[string]string{"findings": "{"}},
			{Step: "release-notes", Start: at(2), End: at(3), Outputs: map[string]string{"url": "javascript:alert(1)"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Result{entries}.Page()
			golden := filepath.Join("testdata", name+".md")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("%v: got\n%s", err, got)
			}
		})
	}
	if page := (Result{}).Page(); page != "" {
		t.Errorf("the page of nothing is %q", page)
	}
}

func TestAPageIsNeverTooLong(t *testing.T) {
	t.Parallel()
	entries := append(released[:2:2], runlog.Entry{Step: "build-push", Start: at(1), End: at(2), Summary: "## Image\n" + strings.Repeat("x", 3<<20), Error: strings.Repeat("é", 1<<20)})
	for range 300 {
		entries = append(entries, runlog.Entry{Step: "scan", Start: at(1), End: at(2), Summary: "## Findings\n" + strings.Repeat("y", 10<<10)})
	}
	page := Result{entries}.Page()
	if len(page) > 1<<20 || !strings.Contains(page, "This part is 3072 KiB long, and was left out") || !strings.Contains(page, "## Release of `v1.2.3`") {
		t.Errorf("%d bytes: %.2000s", len(page), page)
	}
}

func TestTheLogIsReadOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	for _, e := range released {
		if err := runlog.Append(path, e); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	d := Deps{Log: slog.New(slog.NewTextHandler(&log, nil))}
	if r, err := Run(Config{Runlog: path}, d); err != nil || len(r.entries) != len(released) || log.Len() > 0 {
		t.Errorf("%d entries, %v, %s", len(r.entries), err, &log)
	}
	if r, err := Run(Config{Runlog: path}, d); err != nil || len(r.entries) != 0 || !strings.Contains(log.String(), "no step has left a word") {
		t.Errorf("%d entries, %v, %s", len(r.entries), err, &log)
	}
}

func TestALogThatWasCutOffFailsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("{\"step\":\"plan\",\"summary\":\"## Push\"}\n{\"st"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r, err := Run(Config{Runlog: path}, Deps{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil || !strings.HasPrefix(r.Page(), "## Push") || !strings.Contains(log.String(), "not complete") {
		t.Errorf("%v: %s, %s", err, r.Page(), &log)
	}
}
