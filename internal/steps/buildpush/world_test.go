package buildpush

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
)

const (
	user     = "octocat"
	password = "planted-password"
	revision = "0123456789abcdef0123456789abcdef01234567"
)

// newRegistry starts a registry in memory that asks for a login, and returns
// its host.
func newRegistry(t *testing.T) string {
	t.Helper()
	store := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// world is a machine with a fake buildx and two registries.
type world struct {
	cfg    Config
	deps   Deps
	output console
	log    bytes.Buffer
	temp   string
	report string
}

func newWorld(t *testing.T, mode string) *world {
	t.Helper()
	w := &world{temp: t.TempDir(), report: filepath.Join(t.TempDir(), "call")}
	docker := t.TempDir()
	files := map[string]string{
		"config.json":                `{"auths":{"quay.io":{"auth":"ZWFybGllcjpsb2dpbg=="}},"credsStore":"","currentContext":"mine"}`,
		"buildx/current":             `{"Key":"unix:///x","Name":"mine"}`,
		"cli-plugins/docker-compose": "a plugin",
	}
	for name, content := range files {
		path := filepath.Join(docker, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	hosts := []string{newRegistry(t), newRegistry(t)}
	var auth registry.AuthList
	for _, host := range hosts {
		auth = append(auth, registry.Auth{Host: host, Username: user, Password: secret.New(password)})
	}
	w.cfg = Config{
		Destination: Destination{Images: repositories(t, hosts[0]+"/acme/app", hosts[1]+"/acme/app")},
		Platforms:   platforms(t, "linux/amd64", "linux/arm64", "linux/arm/v7"),
		Build:       Build{Context: ".", Labels: Lines{revisionLabel + "=" + revision}},
		Registry:    registry.Credentials{Auth: auth},
		RetryFor:    time.Second,
	}
	client, err := registry.New(w.cfg.Registry, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.deps = Deps{
		Registry: client,
		Job:      job.Job{Commit: revision},
		LookPath: func(name string) (string, error) {
			if name == "docker" {
				return self, nil
			}
			return "", errors.New("not found")
		},
		Env:             []string{"FAKE_BUILDX=" + mode, "FAKE_REPORT=" + w.report, "SOURCE_DATE_EPOCH=1700000000", "DOCKER_CONFIG=/nowhere", "NPM_TOKEN=from-the-environment"},
		DockerConfigDir: docker,
		BinfmtDir:       filepath.Join(w.temp, "binfmt_misc"),
		TempDir:         w.temp,
		Output:          &w.output,
		Log:             slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	return w
}

// console is a log without groups.
type console struct{ bytes.Buffer }

func (c *console) Group(title string) { c.WriteString(title + "\n") }
func (c *console) EndGroup()          {}

// call reads what the fake buildx was given.
func (w *world) call(t *testing.T) call {
	t.Helper()
	text, err := os.ReadFile(w.report)
	if err != nil {
		t.Fatal(err)
	}
	var c call
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// checkNothingLeft sees to it that no private directory outlives its build.
func (w *world) checkNothingLeft(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(w.temp); err != nil || len(left) > 0 {
		t.Errorf("left in the directory for temporary files: %v, %v", left, err)
	}
}

// checkBuilderRemoved returns the builder that was made, which must be gone.
func (w *world) checkBuilderRemoved(t *testing.T) string {
	t.Helper()
	removed, err := os.ReadFile(w.report + ".removed")
	if err != nil {
		t.Error("no builder was removed:", err)
	}
	return string(removed)
}
