package actions_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreatsHaveTests holds the threat model against the tests that it names.
func TestThreatsHaveTests(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, root := range []string{".", "../internal"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				tests[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	threats := 0
	for line := range strings.Lines(read(t, "../SECURITY.md")) {
		if !strings.HasPrefix(line, "| ") || strings.HasSuffix(strings.TrimSpace(line), "| shown by |") {
			continue
		}
		threats++
		named := regexp.MustCompile(`Test\w+`).FindAllString(line, -1)
		if len(named) == 0 {
			t.Errorf("no test stands for %s", line)
		}
		for _, name := range named {
			if !tests[name] {
				t.Errorf("there is no test %s", name)
			}
		}
	}
	if threats < 20 {
		t.Errorf("%d threats were found", threats)
	}
}
