package promote

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/transport"
)

// world is two registries that hold an old image and a new one.
type world struct {
	a, b     *store
	old, new image.Digest

	mu     sync.Mutex
	writes []string // "a PUT 1.2.3", in the order of all
}

// store is a registry in memory. Before a request reaches it, fault may answer.
type store struct {
	handler http.Handler
	repo    image.Repository
	fault   func(w http.ResponseWriter, r *http.Request) bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	w.a, w.b = w.store(t, "a"), w.store(t, "b")
	w.old, w.new = w.push(t), w.push(t)
	return w
}

func (w *world) store(t *testing.T, label string) *store {
	t.Helper()
	s := &store{handler: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.mu.Lock()
			w.writes = append(w.writes, label+" "+r.Method+" "+r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
			w.mu.Unlock()
		}
		if s.fault == nil || !s.fault(rw, r) {
			s.handler.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(server.Close)
	if err := s.repo.UnmarshalText([]byte(strings.TrimPrefix(server.URL, "http://") + "/org/app")); err != nil {
		t.Fatal(err)
	}
	return s
}

// push puts a new image into both registries, past the record of writes.
func (w *world) push(t *testing.T) image.Digest {
	t.Helper()
	img, err := random.Image(16, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*store{w.a, w.b} {
		direct := httptest.NewServer(s.handler)
		defer direct.Close()
		ref, err := name.NewDigest(strings.TrimPrefix(direct.URL, "http://") + "/org/app@" + digest.String())
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img); err != nil {
			t.Fatal(err)
		}
	}
	return image.Digest(digest.String())
}

// tag points a tag to a digest, past the record of writes.
func (s *store) tag(t *testing.T, tag string, d image.Digest) {
	t.Helper()
	get := httptest.NewRecorder()
	s.handler.ServeHTTP(get, httptest.NewRequest(http.MethodGet, "/v2/org/app/manifests/"+string(d), nil))
	put := httptest.NewRequest(http.MethodPut, "/v2/org/app/manifests/"+tag, get.Body)
	put.Header.Set("Content-Type", get.Header().Get("Content-Type"))
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, put)
	if w.Code != http.StatusCreated {
		t.Fatalf("tag %s: %d", tag, w.Code)
	}
}

// at returns what a tag points to, "" where there is none.
func (s *store) at(tag string) image.Digest {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/v2/org/app/manifests/"+tag, nil))
	return image.Digest(w.Header().Get("Docker-Content-Digest"))
}

func (w *world) config(tags ...string) Config {
	cfg := Config{Images: []image.Pinned{w.a.repo.Pin(w.new), w.b.repo.Pin(w.new)}}
	for _, s := range []*store{w.a, w.b} {
		for _, tag := range tags {
			cfg.Tags = append(cfg.Tags, s.repo.Tag(tag))
		}
	}
	return cfg
}

func (w *world) run(ctx context.Context, t *testing.T, cfg Config) (Result, error) {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	once := transport.New(transport.Options{Base: &http.Transport{}, RetryFor: -1})
	client, err := registry.New(registry.Credentials{}, registry.Options{Transport: once})
	if err != nil {
		t.Fatal(err)
	}
	b := bounds{patience: 10 * time.Second, write: time.Second, grace: time.Second}
	return run(ctx, cfg, Deps{Registry: client, Log: slog.New(slog.DiscardHandler)}, b)
}

// check compares what tags point to in both registries: old, new or "".
func (w *world) check(t *testing.T, want map[string]image.Digest) {
	t.Helper()
	for key, digest := range want {
		label, tag, _ := strings.Cut(key, " ")
		if got := map[string]*store{"a": w.a, "b": w.b}[label].at(tag); got != digest {
			t.Errorf("%s: %q, want %q", key, got, digest)
		}
	}
}

// on answers requests of a method whose path ends so.
func on(method, end string, answer func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.HasSuffix(r.URL.Path, end) {
			return false
		}
		answer(w, r)
		return true
	}
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
