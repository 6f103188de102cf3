package trivy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

func TestRepositoriesOfTheDatabaseAreTriedInTurn(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty, Fail: map[string]string{"quay.io/a/db:2": "TOOMANYREQUESTS"}})
	o.DBRepositories = []string{"quay.io/a/db:2", "docker.io/acme/db:2"}
	if err := open(t, o).Database(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := trivytest.Calls(t, o.Path)
	if len(all) != 2 || !slices.Contains(all[1].Args, "docker.io/acme/db:2") || !strings.Contains(all[1].Logins, "index.docker.io") {
		t.Errorf("runs %+v", all)
	}
}

func TestRateLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty, Fail: map[string]string{"--download-db-only": "TOOMANYREQUESTS: 429"}})
	o.RetryFor = 2 * time.Second
	if err := open(t, o).Database(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if n := len(trivytest.Calls(t, o.Path)); n < 4 {
		t.Errorf("asked %d times, want both repositories more than once", n)
	}
}

func TestJavaDatabaseIsFetchedForThoseThatNeedIt(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty, NeedJava: true})
	scan := func(s *Scanner) (fetched int) {
		t.Helper()
		for range 2 {
			if _, err := s.Image(t.Context(), pinned(t, "ghcr.io/acme/app"), amd64); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range trivytest.Calls(t, o.Path) {
			if slices.Contains(c.Args, "--download-java-db-only") {
				fetched++
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s.lock = nil
		return fetched
	}
	for run := range 2 {
		if n := scan(open(t, o)); n != 1 {
			t.Errorf("fetched %d times after run %d, want once", n, run)
		}
	}
	o.Now = func() time.Time { return now.Add(48 * time.Hour) }
	if n := scan(open(t, o)); n != 2 {
		t.Errorf("fetched %d times after two days, want twice", n)
	}
}

func TestFreshDatabaseIsKept(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty})
	var both []*Scanner
	for range 2 {
		s := open(t, o)
		both = append(both, s)
		if err := s.Database(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(trivytest.Calls(t, o.Path)); n != 1 {
		t.Errorf("Trivy was called %d times, want once", n)
	}
	// Two days later it has to be fetched anew, and not while others read it.
	o.Now = func() time.Time { return now.Add(48 * time.Hour) }
	later := open(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPause)
	defer cancel()
	if err := later.Database(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	for _, s := range both {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s.lock = nil
	}
	if err := open(t, o).Database(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(trivytest.Calls(t, o.Path)); n != 2 {
		t.Errorf("Trivy was called %d times, want twice", n)
	}
}

func TestCacheThatCannotBeWrittenTo(t *testing.T) {
	t.Parallel()
	o := options(t, trivytest.Plan{Report: empty})
	if err := open(t, o).Database(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A folder in the place of the lock is not to be opened for writing, by root neither.
	lock := filepath.Join(o.CacheDir, "lock")
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, o).Image(t.Context(), pinned(t, "ghcr.io/acme/app"), amd64); err != nil {
		t.Error(err)
	}
	o.Now = func() time.Time { return now.Add(48 * time.Hour) }
	if err := open(t, o).Database(t.Context()); err == nil || !strings.Contains(err.Error(), `input "cache-dir"`) || !strings.Contains(hint.Of(err)[0], "skip-db-update") {
		t.Errorf("error %v with %q", err, hint.Of(err))
	}
	o.SkipDBUpdate = true
	if err := open(t, o).Database(t.Context()); err != nil {
		t.Error(err)
	}
}
