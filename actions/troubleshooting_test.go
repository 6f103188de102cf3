package actions_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTroubleshootingQuotesOurErrors keeps docs/troubleshooting.md from naming an
// error that there is no more. What others say is marked by "from".
func TestTroubleshootingQuotesOurErrors(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	err := filepath.WalkDir("../internal", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// As the source writes them.
	text := strings.NewReplacer(`\"`, `"`, "%q", "…", "%s", "…", "%d of %d", "…", "%d", "…").Replace(source.String())
	quoted := regexp.MustCompile("`([^`]+)`")
	ours := 0
	for line := range strings.Lines(read(t, "../docs/troubleshooting.md")) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.HasPrefix(strings.TrimSpace(cells[1]), "from ") {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			ours++
			if !strings.Contains(text, strings.TrimSpace(strings.TrimSuffix(m[1], "…"))) {
				t.Errorf("no error says %q", m[1])
			}
		}
	}
	if ours < 10 {
		t.Errorf("%d of our errors were found", ours)
	}
}
