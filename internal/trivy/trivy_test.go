package trivy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

const empty = `{"SchemaVersion":2,"Results":[]}`

func pinned(t *testing.T, repository string) image.Pinned {
	t.Helper()
	p, err := image.ParsePinned(repository + "@sha256:" + strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var amd64 = image.Platform{OS: "linux", Arch: "amd64"}

func TestScansShareOneDatabase(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty})
	s := open(t, o)
	platforms := []image.Platform{amd64, {OS: "linux", Arch: "arm64"}, {OS: "linux", Arch: "arm", Variant: "v7"}}
	if err := parallel.Each(platforms, func(_ int, p image.Platform) error {
		_, err := s.Image(t.Context(), pinned(t, "ghcr.io/acme/app"), p)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SBOM(t.Context(), "sbom.cdx.json"); err != nil {
		t.Fatal(err)
	}
	downloads, scans := 0, 0
	for _, c := range trivytest.Calls(t, o.Path) {
		if slices.Contains(c.Args, "--download-db-only") {
			downloads++
			continue
		}
		scans++
		if !slices.Contains(c.Args, "--skip-db-update") || c.Args[slices.Index(c.Args, "--scanners")+1] != "vuln" {
			t.Errorf("scan %q", c.Args)
		}
	}
	if downloads != 1 || scans != 4 {
		t.Errorf("%d downloads and %d scans, want 1 and 4", downloads, scans)
	}
}

func TestTrivySeesWhatItNeedsOnly(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty})
	s := open(t, o)
	if _, err := s.Image(t.Context(), pinned(t, "ghcr.io/acme/app"), amd64); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Image(t.Context(), pinned(t, "acme/app"), amd64); err != nil {
		t.Fatal(err)
	}
	all := trivytest.Calls(t, o.Path)
	if len(all) != 3 {
		t.Fatalf("%d runs, want 3", len(all))
	}
	for i, want := range []string{"", "ghcr.io", "https://index.docker.io/v1/"} {
		c := all[i]
		var names []string
		for _, v := range c.Env {
			name, value, _ := strings.Cut(v, "=")
			names = append(names, name)
			if strings.Contains(v, "secret") || (name == "HOME" || name == "TMPDIR") && value != s.dir {
				t.Errorf("run %d has %s", i, v)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != "DOCKER_CONFIG HOME HTTPS_PROXY TMPDIR TRIVY_DISABLE_TELEMETRY TRIVY_SKIP_VERSION_CHECK" {
			t.Errorf("run %d has the variables %s", i, got)
		}
		if strings.Contains(strings.Join(c.Args, " "), "secret") {
			t.Errorf("run %d has a password in its arguments", i)
		}
		if logins := strings.Count(c.Logins, `"auth"`); want == "" && logins != 0 || want != "" && (logins != 1 || !strings.Contains(c.Logins, want)) {
			t.Errorf("run %d has the logins %s, want %q", i, c.Logins, want)
		}
	}
}

func TestFailedScanIsNeverAPass(t *testing.T) {
	t.Parallel()
	fail := func(arg, said string) trivytest.Plan {
		return trivytest.Plan{Report: empty, Fail: map[string]string{arg: "2026-11-25T12:00:00Z\tINFO\tStarting\n2026-11-25T12:00:00Z\tFATAL\tFatal error\t" + said + "\n"}}
	}
	skip := func(o *Options) { o.SkipDBUpdate = true }
	for name, test := range map[string]struct {
		plan       trivytest.Plan
		change     func(*Options)
		want, mend string
	}{
		"database unreachable": {fail("--download-db-only", "dial tcp: connection refused"), nil, "fetch the vulnerability database: mirror.gcr.io/aquasec/trivy-db:2: trivy failed: exit status 1: dial tcp: connection refused", "db-repository"},
		"database refused":     {fail("--download-db-only", "DENIED: no"), nil, "ghcr.io/aquasecurity/trivy-db:2: trivy failed: exit status 1: DENIED", "db-repository"},
		"database corrupt":     {fail("--output", "run error: error in vulnerability DB initialize: invalid database"), nil, "is corrupt", "remove the folder"},
		"database broken":      {trivytest.Plan{Report: empty, Fail: map[string]string{"--output": "panic: assertion failed: Page expected to be: 12\n\ngoroutine 1 [running]:\ngo.etcd.io/bbolt.(*Tx).page(0x0)\n"}}, nil, "is corrupt: panic: assertion failed", "remove the folder"},
		"database too old":     {trivytest.Plan{Report: empty, Updated: now.Add(-8 * 24 * time.Hour)}, nil, "is of 2026-11-17, older than 168h0m0s", "db-max-age"},
		"no database":          {trivytest.Plan{Report: empty}, skip, "there is no vulnerability database", "skip-db-update"},
		"unreadable metadata": {trivytest.Plan{Report: empty}, func(o *Options) {
			skip(o)
			write(t, filepath.Join(o.CacheDir, "db", "trivy.db"), "")
			write(t, filepath.Join(o.CacheDir, "db", "metadata.json"), "{")
		}, "is corrupt: metadata.json", "remove the folder"},
		"killed":        {trivytest.Plan{Report: empty, Crash: "--output"}, nil, "trivy was killed: signal: killed", "memory"},
		"out of memory": {fail("--output", "fatal error: runtime: out of memory"), nil, "trivy was killed: it ran out of memory", "memory"},
		"time is over":  {fail("--output", "image scan error: context deadline exceeded"), nil, "trivy took longer than 5m0s", `"timeout"`},
		"late":          {fail("--output", "remote error: i/o timeout"), func(o *Options) { o.Timeout = time.Nanosecond }, "trivy took longer than 1ns", `"timeout"`},
		"no such image": {fail("--output", "run error: MANIFEST_UNKNOWN:\n\t* one more"), nil, "run error: MANIFEST_UNKNOWN: * one more", ""},
		"no report":     {trivytest.Plan{Report: ""}, nil, "read trivy's report", ""},
		"other schema":  {trivytest.Plan{Report: `{"SchemaVersion":3}`}, nil, "schema 3", ""},
		"bad severity":  {trivytest.Plan{Report: `{"SchemaVersion":2,"Results":[{"Vulnerabilities":[{"Severity":"AWFUL"}]}]}`}, nil, `severity "AWFUL"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, test.plan)
			if test.change != nil {
				test.change(&o)
			}
			report, err := open(t, o).Image(t.Context(), pinned(t, "ghcr.io/acme/app"), amd64)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.mend) {
				t.Errorf("error %v with %q, want %q with %q", err, hint.Of(err), test.want, test.mend)
			}
			if report.JSON != nil {
				t.Errorf("there is a report: %+v", report)
			}
		})
	}
}

func TestCancelledScanEnds(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty, Hang: "--output"})
	s := open(t, o)
	if err := s.Database(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, nil)
	defer cancel()
	if _, err := s.Image(ctx, pinned(t, "ghcr.io/acme/app"), amd64); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestSelectionBecomesFlags(t *testing.T) {
	t.Parallel()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s := Selection{
		Severities: []Severity{High, Critical}, IgnoreUnfixed: true, Types: []string{"os"}, Scanners: []string{"vuln", "secret"},
		SkipDirs: []string{"/tmp"}, VEX: []string{"a.vex.json"}, File: "trivy.yaml", IgnoreFile: ".trivyignore",
	}
	for command, want := range map[string]string{
		"image": "--scanners vuln,secret --severity HIGH,CRITICAL --ignore-unfixed --pkg-types os --skip-dirs /tmp",
		"sbom":  "--scanners vuln --severity HIGH,CRITICAL --ignore-unfixed --pkg-types os",
	} {
		want += " --vex " + dir + "/a.vex.json --config " + dir + "/trivy.yaml --ignorefile " + dir + "/.trivyignore"
		if got := strings.Join(s.arguments(command), " "); got != want {
			t.Errorf("%s: %s\nwant %s", command, got, want)
		}
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	err = Selection{Types: []string{"kernel"}, Scanners: []string{"virus"}}.Validate()
	if err == nil || !strings.Contains(err.Error(), `"kernel"`) || !strings.Contains(err.Error(), `"virus"`) || len(hint.Of(err)) != 2 {
		t.Errorf("error %v with %q", err, hint.Of(err))
	}
}

func TestDocumentOfAnImageThatLeadsElsewhere(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty})
	s := open(t, o)
	document := filepath.Join(t.TempDir(), "sbom.cdx.json")
	write(t, document, "{}")
	for repository, want := range map[string]string{"ghcr.io/acme/app": "", "ghcr.io/../../../outside": "no name of an image"} {
		_, err := s.SBOMOf(t.Context(), document, pinned(t, repository))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", repository, err)
		}
	}
}
