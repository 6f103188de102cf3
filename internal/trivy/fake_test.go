package trivy

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

func TestMain(m *testing.M) { trivytest.Main(m) }

func noFile(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func options(t *testing.T, p trivytest.Plan) Options {
	t.Helper()
	reg, err := registry.New(registry.Credentials{
		GitHubToken: secret.New("ghs_secret"), DockerHubUsername: "ann", DockerHubToken: secret.New("dckr_secret"),
	}, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Updated.IsZero() {
		p.Updated = now
	}
	return Options{
		Config: Config{Path: trivytest.Install(t, p), CacheDir: t.TempDir()}, Registry: reg, RetryFor: time.Millisecond,
		LookPath: func(string) (string, error) { return "", os.ErrNotExist },
		Env:      []string{"PATH=/bin", "GITHUB_TOKEN=ghs_secret", "HTTPS_PROXY=http://proxy", "TRIVY_USERNAME=eve"},
		TempDir:  t.TempDir(), ToolCache: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	}
}

func open(t *testing.T, o Options) *Scanner {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !noFile(s.dir) {
			t.Errorf("%q is left behind", s.dir)
		}
	})
	return s
}
