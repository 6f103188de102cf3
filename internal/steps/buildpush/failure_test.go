package buildpush

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

// TestFailedBuildsAreExplained reads logs of builds that failed with a real
// BuildKit.
func TestFailedBuildsAreExplained(t *testing.T) {
	t.Parallel()
	logs, err := filepath.Glob("testdata/failed/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatal("no logs", err)
	}
	var got strings.Builder
	for _, path := range logs {
		log, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		explained := explain(errors.New("exit status 1"), string(log))
		fmt.Fprintf(&got, "== %s\n%v\n", filepath.Base(path), explained)
		for _, h := range hint.Of(explained) {
			fmt.Fprintf(&got, "hint: %s\n", h)
		}
	}
	golden(t, "failures.txt", got.String())
}

func TestQuoteIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a line of the compiler\n", 500)
	for _, log := range []string{
		"#7 ERROR: exit code: 1\n------\n > [build 3/5] RUN make:\n" + long + "ERROR: failed to solve\n",
		"#7 DONE\n" + long + "ERROR: failed to solve\n",
		long + "#7 12.3 the last that came",
	} {
		got := quote(log)
		if lines := strings.Count(got, "\n"); lines > maxQuote+2 {
			t.Errorf("%d lines", lines)
		}
		for _, part := range []string{"> [build 3/5] RUN make:", "failed to solve", "the last that came"} {
			if strings.Contains(log, part) != strings.Contains(got, part) {
				t.Errorf("%q: got %q", part, got)
			}
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var log tail
	for i := range 100_000 {
		fmt.Fprintf(&log, "line %d\n", i)
	}
	if got := log.String(); !strings.HasSuffix(got, "line 99998\nline 99999\n") || len(got) < maxTail || len(got) > 2*maxTail {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-20:])
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("#1 x\n------\n > [a] RUN b:\nc\nERROR: d")
	f.Add("ERROR: d")
	f.Add("#1 x")
	f.Fuzz(func(t *testing.T, log string) {
		got := quote(log)
		if strings.TrimSpace(log) != "" && got == "" && !strings.Contains(log, "------") {
			t.Errorf("nothing of %q", log)
		}
		if strings.Count(got, "\n") > maxQuote+2 {
			t.Errorf("too much of %q", log)
		}
	})
}
