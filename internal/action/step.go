package action

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/runlog"
)

// maxComplaint bounds, in bytes, what is quoted of a step's standard error.
const maxComplaint = 2000

// Step runs the program of another step with args, for what is too large to be
// linked into this one's. It gets this step's inputs of the names in forward,
// which may hold secrets, by its environment. What it prints is dropped, but for
// its errors, and it writes to none of the runner's files: its results are files
// that args name.
func (rt *Runtime) Step(ctx context.Context, name string, forward []string, args ...string) error {
	command, err := rt.program(name)
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], args...)...) //nolint:gosec // one of our own programs
	cmd.Stderr = &stderr
	cmd.Env = slices.DeleteFunc(rt.Environ(), func(v string) bool { return strings.HasPrefix(v, "GITHUB_") || strings.HasPrefix(v, runlog.Variable) })
	for _, input := range forward {
		cmd.Env = append(cmd.Env, Variable(input)+"="+rt.input(input))
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		text := bytes.TrimSpace(stderr.Bytes())
		return fmt.Errorf("run the step %q: %w: %s", name, err, text[max(0, len(text)-maxComplaint):])
	}
	return nil
}

// program returns the command that starts a step: as launch.sh looks for it, or
// the program beside this one, or launch.sh itself, which builds it.
func (rt *Runtime) program(name string) ([]string, error) {
	if dir := rt.getenv("RELEASE_ACTIONS_BIN"); dir != "" {
		return []string{filepath.Join(dir, name)}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	beside := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(beside); err == nil {
		return []string{beside}, nil
	}
	if launcher := rt.getenv("RELEASE_ACTIONS_LAUNCHER"); launcher != "" {
		return []string{"bash", launcher, name}, nil
	}
	return nil, hint.Wrap(errors.New("the program of the step "+name+" is not there"),
		"put it beside this one, %s, as \"make build\" does; or set RELEASE_ACTIONS_BIN to the folder that has it", self)
}
