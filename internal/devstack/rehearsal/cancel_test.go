//go:build e2e

package rehearsal_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// TestCancelledRun has the runner end a step as GitHub's does for a cancelled
// job, or as a machine does that is out of memory, and then runs the workflow
// again.
func TestCancelledRun(t *testing.T) {
	tests := []struct {
		name, tag, step string
		signal          syscall.Signal
		want            string // in the log
	}{
		{"cancelled while it builds", "v3.0.0", "build-push", syscall.SIGINT, "cancelled"},
		{"cancelled while it signs", "v3.0.1", "sign", syscall.SIGINT, "cancelled"},
		{"killed while it builds", "v3.0.2", "build-push", syscall.SIGKILL, ""},
		{"killed while it attests", "v3.0.3", "attest", syscall.SIGKILL, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := stage(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan bool, 1)
			go func() { ended <- interrupt(ctx, s, test.step, test.signal) }()
			out := run(t, s, rehearsal.Trial{Tag: test.tag})
			cancel()
			interrupted := <-ended
			if err := world.ClearFaults(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !interrupted {
				t.Fatalf("%s never ran, or outlived the signal by 7 seconds:\n%s", test.step, out.Log)
			}
			if out.Code == 0 || !strings.Contains(out.Log, test.want) {
				t.Errorf("exit %d without %q:\n%s", out.Code, test.want, out.Log)
			}
			untouched(t, test.tag, strings.TrimPrefix(test.tag, "v"))
			noCredential(t, "the log", out.Raw)
			if test.signal == syscall.SIGINT {
				noCredentialBelow(t, s.Dir)
			}
			if left := processes(filepath.Join(s.Dir, "home")); len(left) > 0 {
				t.Errorf("still running: %v", left)
			}
			succeed(t, s, rehearsal.Trial{Tag: test.tag})
			approve(t, test.tag, strings.TrimPrefix(test.tag, "v"))
		})
	}
}

// interrupt waits for the step's process, lets it get going but upload nothing,
// so that it can't end by itself, and signals it as the runner does: this process
// alone. It reports whether the process then ended within the 7 seconds that the
// runner gives.
func interrupt(ctx context.Context, s *rehearsal.Stage, step string, signal syscall.Signal) bool {
	program := filepath.Join(s.Env["RELEASE_ACTIONS_BIN"], step)
	for ctx.Err() == nil {
		for _, pid := range processes(program) {
			if world.Slow(ctx, "ghcr.io", http.MethodPost, time.Minute) != nil {
				return false
			}
			// The work must be under way: a child has been started, or the network asked.
			time.Sleep(150 * time.Millisecond)
			if syscall.Kill(pid, signal) != nil {
				return false
			}
			for range 700 {
				if syscall.Kill(pid, 0) != nil {
					return true
				}
				time.Sleep(10 * time.Millisecond)
			}
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return false
}

// processes returns the processes whose command line starts with, or whose
// environment names, the given path.
func processes(path string) []int {
	var found []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		environ, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if strings.HasPrefix(string(command), path+"\x00") || strings.Contains(string(environ), "HOME="+path+"\x00") {
			found = append(found, pid)
		}
	}
	return found
}
