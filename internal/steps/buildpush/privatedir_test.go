package buildpush

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

func TestWhatAKilledRunLeftIsSwept(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	var tidied []string
	tidy := func(path string) {
		if _, err := os.Stat(filepath.Join(path, "config.json")); err != nil {
			t.Errorf("tidied too late: %v", err)
		}
		tidied = append(tidied, path)
	}
	killed, err := newPrivateDir(parent, log, tidy)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed.path, "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The kernel does this to a process that dies.
	if err := killed.lock.Close(); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(parent, "release-notes")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}

	living, err := newPrivateDir(parent, log, tidy)
	if err != nil {
		t.Fatal(err)
	}
	next, err := newPrivateDir(parent, log, tidy)
	if err != nil {
		t.Fatal(err)
	}
	if len(tidied) != 1 || tidied[0] != killed.path {
		t.Errorf("tidied %v, want %s only", tidied, killed.path)
	}
	for path, want := range map[string]bool{killed.path: false, living.path: true, next.path: true, foreign: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", path, err, want)
		}
	}
	for _, p := range []*privateDir{living, next} {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
