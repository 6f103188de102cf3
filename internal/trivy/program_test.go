package trivy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/trivy/trivytest"
)

func TestOnlyThePinnedVersionRuns(t *testing.T) {
	t.Parallel()
	other := options(t, trivytest.Plan{Version: "0.69.4"})
	if _, err := Open(t.Context(), other); err == nil || !strings.Contains(err.Error(), `input "trivy-path"`) || !strings.Contains(err.Error(), "is Trivy 0.69.4, not 0.69.3") {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(other.TempDir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	script := filepath.Join(t.TempDir(), "trivy")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho '{\"Version\":\"0.69.3\"}'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := options(t, trivytest.Plan{})
	found := o.Path
	o.Path = script
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is no Trivy") {
		t.Errorf("error %v", err)
	}
	// On the PATH.
	o.Path, o.LookPath = "", func(string) (string, error) { return found, nil }
	if s := open(t, o); s.program != found {
		t.Errorf("runs %q, want %q", s.program, found)
	}
	// Another one there is passed over, and the release has another hash.
	o.LookPath = func(string) (string, error) { return other.Path, nil }
	from := newReleases(t, []byte("x"))
	o.Transport = from.transport
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is not what it was") || from.count(200) != 1 {
		t.Errorf("error %v after %+v", err, from.Faults.Requests())
	}
}
