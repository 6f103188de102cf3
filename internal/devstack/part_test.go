package devstack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newParts returns an empty set whose processes end with the test.
func newParts(t *testing.T) *parts {
	t.Helper()
	ps := &parts{launcher: newLauncher(), logDir: t.TempDir(), byName: map[string]*process{}, stopped: map[string]bool{}}
	t.Cleanup(ps.stopAll)
	return ps
}

// shell is a part that runs a script, and serves once it has written the file.
func shell(name, script, file string) *part {
	return &part{name: name, command: []string{"/bin/sh", "-c", script}, env: []string{"PATH=/usr/bin:/bin", "FILE=" + file}, ready: func(context.Context) error {
		_, err := os.Stat(file)
		return err
	}}
}

func TestPartServesWhenItsProbeSaysSo(t *testing.T) {
	t.Parallel()
	ps := newParts(t)
	file := filepath.Join(t.TempDir(), "ready")
	if err := ps.start(t.Context(), shell("late", `sleep 0.2; : > "$FILE"; exec sleep 60`, file)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("start returned before the part served: %v", err)
	}
	if got := ps.status(); len(got) != 1 || got[0].State != running || got[0].PID == 0 {
		t.Errorf("status %+v, want one running part", got)
	}
}

func TestPartThatDiesIsQuoted(t *testing.T) {
	t.Parallel()
	ps := newParts(t)
	err := ps.start(t.Context(), shell("brittle", `echo first; echo the address is taken >&2; exit 3`, "/nowhere"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"brittle", "exit status 3", "the address is taken", "brittle.log"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q doesn't say %q", err, want)
		}
	}
	if got := ps.status(); got[0].State != ended {
		t.Errorf("state %q, want %q", got[0].State, ended)
	}
}

func TestPartThatNeverServesEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ps := newParts(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := ps.start(ctx, shell("mute", `echo still thinking; exec sleep 60`, "/nowhere"))
	if err == nil || !strings.Contains(err.Error(), "mute doesn't serve") || !strings.Contains(err.Error(), "still thinking") {
		t.Errorf("error %v, want one that quotes the log", err)
	}
}

func TestPartThatCantBeStarted(t *testing.T) {
	t.Parallel()
	ps := newParts(t)
	err := ps.start(t.Context(), &part{name: "absent", command: []string{"/nowhere/absent"}})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that the program isn't there", err)
	}
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	ps := newParts(t)
	file := filepath.Join(t.TempDir(), "pid")
	// The leader goes at the first signal; what it started doesn't listen to it.
	script := `sh -c 'trap "" TERM; echo $$ > "$FILE.new"; mv "$FILE.new" "$FILE"; while :; do sleep 60; done' & wait`
	if err := ps.start(t.Context(), shell("family", script, file)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := ps.stop("family"); err != nil {
		t.Fatal(err)
	}
	if got := ps.status(); got[0].State != stopped {
		t.Errorf("state %q, want %q", got[0].State, stopped)
	}
	// An orphan is gone once init has reaped it.
	for range 500 {
		if state := processState(t, child); state == "" || state == "Z" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d outlives its part", child)
}

// processState returns the letter that the kernel has for a process, or "".
func processState(t *testing.T, pid int) string {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return after[:1]
}

func TestStoppedPartStartsAgain(t *testing.T) {
	t.Parallel()
	ps := newParts(t)
	file := filepath.Join(t.TempDir(), "ready")
	if err := ps.start(t.Context(), shell("again", `: > "$FILE"; exec sleep 60`, file)); err != nil {
		t.Fatal(err)
	}
	first := ps.status()[0].PID
	if err := ps.restart(t.Context(), "again"); err != nil || ps.status()[0].PID != first {
		t.Errorf("a running part was started again: %v", err)
	}
	if err := ps.stop("again"); err != nil {
		t.Fatal(err)
	}
	if err := ps.restart(t.Context(), "again"); err != nil {
		t.Fatal(err)
	}
	got := ps.status()
	if len(got) != 1 || got[0].State != running || got[0].PID == first {
		t.Errorf("status %+v, want one running part with another PID than %d", got, first)
	}
}

func TestUnknownPartNamesTheKnown(t *testing.T) {
	t.Parallel()
	ps := newParts(t)
	file := filepath.Join(t.TempDir(), "ready")
	if err := ps.start(t.Context(), shell("known", `: > "$FILE"; exec sleep 60`, file)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{ps.stop("unknown"), ps.restart(t.Context(), "unknown")} {
		if err == nil || !strings.Contains(err.Error(), `"unknown"`) || !strings.Contains(err.Error(), "known") {
			t.Errorf("error %v, want one that names both", err)
		}
	}
}
