package action_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/hint"
)

// program writes a shell script into a folder of its own, as the program of a step.
func program(t *testing.T, name, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/usr/bin/env bash\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start runs a step that runs the step "other" by its wiring.
func (w *world) start(ctx context.Context, t *testing.T, args ...string) (err error) {
	t.Helper()
	action.Run(ctx, "try", []byte(contract), action.Process{
		Args: []string{"acme/app"}, Stdout: &w.stdout, Stderr: &w.stderr,
		Getenv: func(name string) string { return w.env[name] },
		Environ: func() []string {
			all := []string{"PATH=" + os.Getenv("PATH")}
			for name, value := range w.env {
				all = append(all, name+"="+value)
			}
			return all
		},
	}, func(ctx context.Context, rt *action.Runtime, _ config) (result, error) {
		err = rt.Step(ctx, "other", []string{"token", "retry-for"}, args...)
		return result{}, err
	})
	return err
}

func TestAStepRunsAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.env["INPUT_TOKEN"], w.env["INPUT_PLATFORMS"], w.env["GITHUB_TOKEN"] = "hunter2", "linux/amd64", "hunter3"
	w.env["RELEASE_ACTIONS_BIN"] = program(t, "other", `env > "$2"; echo "$1" >> "$2"; echo "::error::no"`)
	out := filepath.Join(w.dir, "out")
	if err := w.start(t.Context(), t, "first", out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"INPUT_TOKEN=hunter2\n", "INPUT_RETRY-FOR=2m\n", "\nfirst\n"} {
		if !strings.Contains("\n"+string(text), want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	if strings.Contains(string(text), "GITHUB_") || strings.Contains(string(text), "INPUT_PLATFORMS") {
		t.Errorf("it got too much: %s", text)
	}
	if strings.Contains(w.stdout.String(), "::error::no") {
		t.Errorf("what it prints gets out: %s", &w.stdout)
	}
}

func TestAStepThatFailsIsQuoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	w.env["RELEASE_ACTIONS_BIN"] = program(t, "other", `echo "other: no such image" >&2; exit 3`)
	if err := w.start(t.Context(), t); err == nil || !strings.Contains(err.Error(), `run the step "other"`) || !strings.Contains(err.Error(), "no such image") {
		t.Errorf("got %v", err)
	}
}

func TestAStepIsLookedForAndCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	err := w.start(t.Context(), t)
	if err == nil || !strings.Contains(strings.Join(hint.Of(err), ""), "RELEASE_ACTIONS_BIN") {
		t.Errorf("it isn't there: %v", err)
	}
	w.env["RELEASE_ACTIONS_LAUNCHER"] = filepath.Join(program(t, "launch.sh", `[ "$1" = other ] && exec sleep 60`), "launch.sh")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.start(ctx, t); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type twoWays struct {
	Images []string `input:"images,required,arg"`
}

var errRefused = errors.New("refused")

func (twoWays) ExitCode(err error) int {
	if errors.Is(err, errRefused) {
		return 1
	}
	return 2
}

func TestAConfigTellsFailuresApart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		err  error
		want int
	}{
		"all is well": {[]string{"a"}, nil, 0}, "refused": {[]string{"a"}, errRefused, 1},
		"anything else": {[]string{"a"}, errors.New("down"), 2}, "a bad input": {nil, nil, 2},
	} {
		w := newWorld(t, false)
		code := action.Run(t.Context(), "try", []byte(contract), action.Process{
			Args: test.args, Getenv: func(string) string { return "" }, Stdout: &w.stdout, Stderr: &w.stderr,
		}, func(context.Context, *action.Runtime, twoWays) (result, error) { return result{}, test.err })
		if code != test.want {
			t.Errorf("%s: exit %d, want %d", name, code, test.want)
		}
	}
}
