package devstack

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/standin"
	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/hint"
)

// control runs one command of the command line against the world in dir.
func controlled(t *testing.T, dir string, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = control(t.Context(), dir, args, &out)
	return out.String(), err
}

func TestControlReachesThePartsAndTheFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := &daemon{plan: &plan{Dir: dir}, log: slog.New(slog.DiscardHandler), parts: newParts(t), servers: &standin.Servers{Faults: &fault.Controller{}, Clock: &standin.Clock{}}}
	if err := d.parts.start(t.Context(), shell("rekor", `: > "$FILE"; exec sleep 60`, filepath.Join(dir, "ready"))); err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", controlSocket(dir))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d.handler()}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	for _, step := range []struct {
		args []string
		want string // in the status afterwards
	}{
		{[]string{"status"}, "rekor        running"},
		{[]string{"stop", "rekor"}, "rekor        stopped"},
		{[]string{"start", "rekor"}, "rekor        running"},
	} {
		if _, err := controlled(t, dir, step.args...); err != nil {
			t.Fatal(err)
		}
		if got, err := controlled(t, dir, "status"); err != nil || !strings.Contains(got, step.want) {
			t.Errorf("after %q: %q, %v; want %q", step.args, got, err, step.want)
		}
	}
	if _, err := controlled(t, dir, "stop", "nope"); err == nil || !strings.Contains(err.Error(), `"nope"`) {
		t.Errorf("error %v, want one that names the part", err)
	}
	if _, err := controlled(t, dir, "fault", "ghcr.io", "503", "2", "PUT", "/v2/"); err != nil {
		t.Fatal(err)
	}
	want := fault.Rule{Host: "ghcr.io", Status: 503, Count: 2, Method: "PUT", Path: "/v2/"}
	if rules := d.servers.Faults.Rules(); len(rules) != 1 || rules[0].Host != want.Host || rules[0].Status != want.Status ||
		rules[0].Count != want.Count || rules[0].Method != want.Method || rules[0].Path != want.Path {
		t.Errorf("rules %+v, want %+v", rules, want)
	}
	if err := newClient(dir).ask(t.Context(), http.MethodPut, "/clock", map[string]string{"ahead": "-48h"}, nil); err != nil {
		t.Error(err)
	}
	if ahead := time.Until(d.servers.Clock.Now()).Round(time.Minute); ahead != -48*time.Hour {
		t.Errorf("the clock is ahead by %s", ahead)
	}
	if _, err := controlled(t, dir, "fault", "ghcr.io", "99", "1"); err == nil {
		t.Error("a status that no answer can have was taken")
	}
}

func TestControlSaysThatNoWorldRuns(t *testing.T) {
	t.Parallel()
	_, err := controlled(t, t.TempDir(), "status")
	if !errors.Is(err, errNoWorld) || len(hint.Of(err)) == 0 {
		t.Errorf("error %v, want that no world runs, with a mend", err)
	}
}

func TestSocketPathThatIsTooLong(t *testing.T) {
	t.Parallel()
	if err := checkSocketPath("/" + strings.Repeat("x", 106)); err != nil {
		t.Error(err)
	}
	if err := checkSocketPath("/" + strings.Repeat("x", 107)); err == nil || len(hint.Of(err)) == 0 {
		t.Errorf("error %v, want one with a mend", err)
	}
}

func TestCommandRefusesWhatItDoesntKnow(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{}, {"walk"}, {"up", "rekor"}, {"stop"}, {"start", "a", "b"}, {"fault", "ghcr.io", "503"}, {"status", "-unknown"},
		{"down", "-dir"}, {"up", "-keep"}, {"status", "rekor"},
	} {
		var stdout, stderr bytes.Buffer
		if code := Run(context.Background(), args, strings.NewReader(""), &stdout, &stderr); code == 0 || stderr.Len() == 0 {
			t.Errorf("%q: exit %d, %q", args, code, &stderr)
		}
	}
	for _, args := range [][]string{{"x", "high", "1"}, {"x", "503", "often"}} {
		if _, err := parseFault(args); err == nil {
			t.Errorf("fault %q was taken", args)
		}
	}
}
