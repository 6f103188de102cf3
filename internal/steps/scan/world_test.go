package scan

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/transport"
	"github.com/org/release-actions/internal/trivy"
	"github.com/org/release-actions/internal/trivy/trivytest"
)

func TestMain(m *testing.M) { trivytest.Main(m) }

const commit = "0123456789abcdef0123456789abcdef01234567"

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// world is a registry, GitHub and a Trivy, none of which is asked for anything
// outside of the test.
type world struct {
	t      *testing.T
	host   string
	deps   Deps
	trivy  string
	log    *lockedBuffer
	layers int // that somebody has fetched
	mu     sync.Mutex
}

type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func recorded(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func newWorld(t *testing.T, plan trivytest.Plan, change ...func(*github.Options)) *world {
	t.Helper()
	w := &world{t: t, log: &lockedBuffer{}}
	reg := ggcr.New(ggcr.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			w.mu.Lock()
			w.layers++
			w.mu.Unlock()
		}
		reg.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.host = strings.TrimPrefix(server.URL, "http://")
	client, err := registry.New(registry.Credentials{}, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Report == "" {
		plan.Report = recorded(t, "alpine.json")
	}
	if plan.Updated.IsZero() {
		plan.Updated = now
	}
	w.trivy = trivytest.Install(t, plan)
	log := slog.New(slog.NewTextHandler(w.log, nil))
	w.deps = Deps{
		Registry: client, GitHub: w.github(change...),
		Job:     job.Job{ServerURL: "https://github.com", Repository: "acme/hello", RunID: 7, Commit: commit, Ref: "refs/tags/v1.2.3", Workspace: t.TempDir()},
		Trivy:   trivy.Options{TempDir: t.TempDir(), ToolCache: t.TempDir(), Log: log},
		TempDir: t.TempDir(), Log: log, Now: func() time.Time { return now },
	}
	return w
}

// github is a client of a GitHub that keeps what it is given.
func (w *world) github(change ...func(*github.Options)) *ghapi.Client {
	o := github.Options{Repository: "acme/hello", Commit: commit, Tokens: []github.Token{{Value: secret.New("ghs_write"), Write: true}, {Value: secret.New("ghs_read")}}, Judge: githubtest.Judge(w.t)}
	for _, c := range change {
		c(&o)
	}
	hub, err := github.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(hub.API())
	w.t.Cleanup(server.Close)
	return w.client(server.URL, "ghs_write")
}

func (w *world) client(address, token string) *ghapi.Client {
	client, err := ghapi.New(ghapi.Options{
		APIURL: address, Repository: ghapi.Repository{Owner: "acme", Name: "hello"}, Token: secret.New(token),
		Transport: transport.New(transport.Options{RetryFor: -1, UserAgent: "release-actions/test"}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// push pushes an index of random images, and returns it with its tag.
func (w *world) push(tag string, platforms ...string) image.Pinned {
	w.t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, text := range platforms {
		platform, err := v1.ParsePlatform(text)
		if err != nil {
			w.t.Fatal(err)
		}
		img, err := random.Image(64, 1)
		if err != nil {
			w.t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: platform}})
	}
	ref, err := name.ParseReference(w.host + "/acme/app:" + tag)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		w.t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		w.t.Fatal(err)
	}
	pinned, err := image.ParsePinned(w.host + "/acme/app@" + digest.String())
	if err != nil {
		w.t.Fatal(err)
	}
	return pinned
}

// config is what the action has where nothing is given but the image.
func (w *world) config(images ...image.Pinned) Config {
	return Config{
		Images: images, Source: sourceImage, Trivy: trivy.Config{Path: w.trivy, CacheDir: w.t.TempDir()},
		Upload: uploadAuto, OutputDir: filepath.Join(w.t.TempDir(), "out"), RetryFor: 5 * time.Second,
	}
}

// run runs the step, and sees to it that it leaves nothing but its files.
func (w *world) run(cfg Config) (Result, error) {
	w.t.Helper()
	if err := cfg.Validate(); err != nil {
		return Result{}, fmt.Errorf("validate: %w", err)
	}
	result, err := Run(w.t.Context(), cfg, w.deps)
	for _, dir := range []string{w.deps.TempDir, w.deps.Trivy.TempDir} {
		if left, _ := filepath.Glob(filepath.Join(dir, "trivy*")); len(left) > 0 {
			w.t.Errorf("left behind: %v", left)
		}
	}
	return result, err
}
