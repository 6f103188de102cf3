package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestANewStepPasses writes a step into a copy of this module and has all the
// tests of actions judge it there.
func TestANewStepPasses(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	checkout := filepath.Join("..", "..", "..", "..")
	for _, folder := range []string{"actions", "internal", "docs", "examples", ".github"} {
		if err := os.CopyFS(filepath.Join(root, folder), os.DirFS(filepath.Join(checkout, folder))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "action.yml", "README.md", "CONTRIBUTING.md", "SECURITY.md"} {
		text, err := os.ReadFile(filepath.Join(checkout, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := write(root, "my-step"); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("test", "./actions/my-step", "-update")
	run("vet", "./actions/my-step", "./internal/steps/mystep")
	run("test", "./actions", "./actions/my-step", "./internal/steps/mystep", "./internal")
	if err := write(root, "my-step"); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a step is written over: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), "gofmt", "-l", filepath.Join(root, "actions", "my-step"), filepath.Join(root, "internal", "steps", "mystep")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("gofmt: %v %s", err, out)
	}
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "My-Step", "my_step", "../x", "-x", "a--b"} {
		if err := write(t.TempDir(), name); err == nil || !strings.Contains(err.Error(), "my-step") {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
