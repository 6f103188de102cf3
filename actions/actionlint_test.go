package actions_test

import (
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

// ours is an action or a workflow of this repository, as a user names it.
var ours = regexp.MustCompile(`(uses: *"?)org/release-actions/?([a-z./-]*)@[A-Za-z0-9.]+`)

// TestActionlint has actionlint check every workflow that users see, and what it
// gives our actions: to it they are local ones, whose inputs and outputs it reads.
//
// https://github.com/rhysd/actionlint/blob/main/docs/checks.md
func TestActionlint(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	project, err := actionlint.NewProject(root)
	if err != nil {
		t.Fatal(err)
	}
	lint := func(t *testing.T, text string) []*actionlint.Error {
		linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{WorkingDir: root})
		if err != nil {
			t.Fatal(err)
		}
		found, err := linter.Lint(filepath.Join(root, ".github", "workflows", "snippet.yml"), []byte(text), project)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, s := range snippets(t) {
		text := ours.ReplaceAllString(s.whole, "$1./$2")
		for _, e := range lint(t, text) {
			t.Errorf("%s: %s [%s]\n%s", s.where, e.Message, e.Kind, strings.Split(text, "\n")[e.Line-1])
		}
	}
	const wrong = "on: push\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: ./actions/sign\n        with: { image: x }\n"
	if found := lint(t, wrong); len(found) != 2 {
		t.Errorf("%d findings where an input is unknown and a required one is missing: %v", len(found), found)
	}
}
