package builder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

// TestFailuresAreExplained reads what buildx said where it failed for real.
func TestFailuresAreExplained(t *testing.T) {
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
		explained := explain(t.Context(), "start the builder", errors.New("exit status 1"), string(log))
		fmt.Fprintf(&got, "== %s\n%v\n", filepath.Base(path), explained)
		for _, h := range hint.Of(explained) {
			fmt.Fprintf(&got, "hint: %s\n", h)
		}
	}
	golden(t, "failures.txt", got.String())
}

func TestFailureOfACancelledRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := explain(ctx, "start the builder", errors.New("signal: interrupt"), "ERROR: pull access denied")
	if !errors.Is(err, context.Canceled) || len(hint.Of(err)) > 0 {
		t.Errorf("error %v, mends %q", err, hint.Of(err))
	}
}

func TestQuoteIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a line\n", 500)
	for _, output := range []string{long, "ERROR: first\n" + long, long + "ERROR: last\n"} {
		if got := quote(output); strings.Count(got, "\n") >= maxQuote {
			t.Errorf("%d lines", strings.Count(got, "\n"))
		}
	}
	if got := quote("#1 ERROR: x\n------\n > [internal] booting buildkit:\n------\nERROR: x\n"); got != "ERROR: x" {
		t.Errorf("got %q", got)
	}
}

// TestRemoteThatDoesNotAnswer has buildx wait in vain, as it does for 20 s.
func TestRemoteThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for endpoint, want := range map[string]string{
		"unix:///nowhere/buildkitd.sock":       "connect: no such file or directory",
		"tcp://" + listener.Addr().String():    "it takes connections, and doesn't answer as BuildKit",
		"docker-container://buildkit/anything": "context deadline exceeded",
	} {
		w := newWorld(t, behaviour{Fail: map[string]string{"inspect": "context deadline exceeded"}})
		_, err := Use(t.Context(), Config{Driver: Remote, Endpoint: endpoint}, nil, w.deps)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", endpoint, err, want)
		}
		if mends := strings.Join(hint.Of(err), "\n"); !strings.Contains(mends, "BuildKit doesn't answer there") {
			t.Errorf("%s: mends %q", endpoint, mends)
		}
		w.checkNothingLeft(t)
	}
}

func TestVolumeOfAContainerThatDied(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{"": "--context=default", "unix:///other.sock": "--host=unix:///other.sock"} {
		// buildx meets an engine that still removes the container.
		w := newWorld(t, behaviour{Platforms: []string{"linux/amd64"}, Fail: map[string]string{"rm": "removal of container is already in progress"}})
		b, err := Use(t.Context(), Config{Driver: Container, Endpoint: endpoint}, nil, w.deps)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Explain(errors.New("exit status 1"), "", "error reading from server: EOF"); len(hint.Of(err)) != 1 {
			t.Errorf("mends %q", hint.Of(err))
		}
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		calls := w.calls(t, true)
		if got := strings.Join(calls[len(calls)-1].Args, " "); got != want+" volume rm --force buildx_buildkit_"+b.Name+"0_state" {
			t.Errorf("the last command is %q", got)
		}
	}
}
