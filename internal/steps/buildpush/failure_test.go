package buildpush

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/buildpush/progress"
)

// TestFailedBuildsAreExplained reads what buildx wrote of builds that failed
// with a real BuildKit.
func TestFailedBuildsAreExplained(t *testing.T) {
	t.Parallel()
	recordings, err := filepath.Glob("progress/testdata/failed/*.rawjson")
	if err != nil || len(recordings) == 0 {
		t.Fatal("no recordings", err)
	}
	var got strings.Builder
	for _, path := range recordings {
		recording, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		log := progress.New(&console{})
		if _, err := log.Write(recording); err != nil {
			t.Fatal(err)
		}
		record, err := log.Close()
		if err != nil {
			t.Fatal(err)
		}
		explained := explain(errors.New("exit status 1"), record.Failure())
		head, _, _ := strings.Cut(explained.Error(), "\n")
		fmt.Fprintf(&got, "== %s\n%s\n", strings.TrimSuffix(filepath.Base(path), ".rawjson"), head)
		for _, h := range hint.Of(explained) {
			fmt.Fprintf(&got, "hint: %s\n", h)
		}
	}
	golden(t, "failures.txt", got.String())
}

func TestFailureWithoutAWordHasTheExit(t *testing.T) {
	t.Parallel()
	if got := explain(errors.New("signal: killed"), progress.Failure{}).Error(); got != "build: signal: killed" {
		t.Errorf("error %q", got)
	}
}
