package cleanup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention/retentiontest"
)

func TestAnInterruptedRunIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	errLost := errors.New("connection reset")
	for stop := range 10 {
		r := filled(t, "ghcr.io/acme/app")
		w := newWorld(t, r)
		left := stop
		w.before = func(string, image.Digest) error {
			if left--; left < 0 {
				return errLost
			}
			return nil
		}
		_, err := w.run(t.Context(), config(t, old))
		if !errors.Is(err, errLost) || len(w.calls) != stop || !strings.Contains(strings.Join(hint.Of(err), " "), "run it again") {
			t.Fatalf("after %d calls: %v", len(w.calls), err)
		}
		w.before = nil
		if _, err := w.run(t.Context(), config(t, old)); err != nil {
			t.Fatal(err)
		}
		if got := retentiontest.Names(releases, r.Digests()); got != "arm amd2 idx2 sig2" {
			t.Errorf("interrupted after %d calls, %q are left", stop, got)
		}
	}
}

// What is held has lost its tags, and is begun until it goes.
func TestWhatIsHeldIsFinishedByTheNextRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"))
	index := retentiontest.Digest("idx1")
	w.before = func(method string, d image.Digest) error {
		if method == "delete" && d == index {
			return ErrHeld
		}
		return nil
	}
	cfg := config(t, old)
	if _, err := w.run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(w.dir, "cleanup", journalFile))
	if err != nil {
		t.Fatal(err)
	}
	begun, err := parseJournal(text)
	if repository := cfg.Images[0]; err != nil || len(begun) != 1 {
		t.Fatalf("of %s is begun %v, %v", repository, begun, err)
	}
	for _, digests := range begun {
		if len(digests) != 1 || digests[0] != index {
			t.Errorf("begun are %v, want %s", digests, index)
		}
	}
	if strings.Contains(w.out.String(), "stays after all") {
		t.Errorf("it stays:\n%s", &w.out)
	}
}

// A fresh image whose index is gone looks like a release on its way. It isn't
// forgotten.
func TestWhatWasBegunAndIsYoungGoesLater(t *testing.T) {
	t.Parallel()
	r := filled(t, "ghcr.io/acme/app")
	const fresh = "idx3 1h #pr-2 >amd3\namd3 1h"
	retentiontest.Script(t, r, fresh)
	w := newWorld(t, r)
	w.before = func(method string, d image.Digest) error {
		if d == retentiontest.Digest("amd3") {
			return errors.New("connection reset")
		}
		return nil
	}
	cfg := config(t, `- delete-tags: pr-2`)
	if _, err := w.run(t.Context(), cfg); err == nil || w.did("delete") == "" {
		t.Fatalf("deleted %q, %v", w.did("delete"), err)
	}
	w.before = nil
	for day, there := range []bool{true, false} {
		w.now = now.Add(time.Duration(day) * 24 * time.Hour)
		if _, err := w.run(t.Context(), cfg); err != nil || (r.Version(retentiontest.Digest("amd3")) != nil) != there {
			t.Errorf("on day %d: there %v, %v", day, !there, err)
		}
	}
}

func TestACancelledRunStopsBetweenTwoVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"))
	ctx, cancel := context.WithCancel(t.Context())
	w.before = func(method string, _ image.Digest) error {
		if method == "delete" {
			cancel()
		}
		return nil
	}
	if _, err := w.run(ctx, config(t, old)); !errors.Is(err, context.Canceled) || w.did("delete") != "pr" {
		t.Errorf("deleted %q, error %v", w.did("delete"), err)
	}
}
