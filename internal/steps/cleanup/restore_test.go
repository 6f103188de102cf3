package cleanup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

func TestRestoreBringsBackWhatARunRemoved(t *testing.T) {
	t.Parallel()
	r := filled(t, "ghcr.io/acme/app")
	w := newWorld(t, r)
	result, err := w.run(t.Context(), config(t, old))
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(w.dir, "kept.json")
	text, err := os.ReadFile(result.Plan)
	if err == nil {
		err = os.WriteFile(kept, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if result, err := w.run(t.Context(), Config{Restore: kept, DryRun: true}); err != nil || result.Restored != 5 || w.did("restore") != "" || !strings.Contains(result.Summary(), "5 versions would be restored") {
		t.Errorf("a dry run: %+v, %v", result, err)
	}
	if result, err := w.run(t.Context(), Config{Restore: kept}); err != nil || result.Restored != 5 || w.did("restore") != "psig amd1 sig1 idx1 pr" {
		t.Errorf("restored %q: %+v, %v", w.did("restore"), result, err)
	}
	if got, want := len(r.Pull(r.Named()["1.0.0"])), 5; got != want {
		t.Errorf("a client reads %d of %d", got, want)
	}
	w.before = func(string, image.Digest) error { return ErrNoRestore }
	if result, err := w.run(t.Context(), Config{Restore: kept}); !errors.Is(err, ErrNoRestore) || result.Restored != 0 || len(hint.Of(err)) > 0 {
		t.Errorf("where nothing can be restored: %+v, %v", result, err)
	}
	w.now = now.Add(31 * 24 * time.Hour)
	if _, err := w.run(t.Context(), Config{Restore: kept}); err == nil || !strings.Contains(err.Error(), "kept for 30 days") {
		t.Errorf("after a month: %v", err)
	}
}

func TestOnlyARunCanBeRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, filled(t, "ghcr.io/acme/app"))
	cfg := config(t, old)
	cfg.DryRun = true
	result, err := w.run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.run(t.Context(), Config{Restore: result.Plan}); err == nil || !strings.Contains(err.Error(), "dry run") {
		t.Errorf("a dry run: %v", err)
	}
	for _, text := range []string{"", "{", "{}", "[]", `{"time":"2026-10-31T00:00:00Z","repositories":[null]}`, `{"time":"2026-10-31T00:00:00Z","repositories":[{"repository":"ghcr.io/a/b","decisions":[{}]}]}`} {
		if _, err := parseDocument([]byte(text)); err == nil || len(hint.Of(err)) == 0 {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := w.run(t.Context(), Config{Restore: filepath.Join(w.dir, "none.json")}); !errors.Is(err, os.ErrNotExist) || len(hint.Of(err)) == 0 {
		t.Errorf("no file: %v", err)
	}
}
