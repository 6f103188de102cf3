package releasenotes_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"google.golang.org/grpc/test/bufconn"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/secret"
)

// world is GitHub and two registries, reached under their own names by connections
// in memory, so that it can be within a bubble of time.
type world struct {
	t         testing.TB
	faults    fault.Controller
	transport http.RoundTripper
	// retryFor is the patience with what fails; 0 is none.
	retryFor time.Duration
	// changed is called after each request that may have changed something.
	changed func(request string)
	github  http.Handler // its API, past faults
	// slow is how long each upload rests, half done.
	slow time.Duration
	log  bytes.Buffer
	dir  string

	mu       sync.Mutex
	requests []string // of the last run: method and path
}

// RoundTrip notes a request and sends it to the server that stands for its host.
func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.requests = append(w.requests, req.Method+" "+strings.TrimPrefix(req.URL.Path, "/repos/octocat/hello"))
	w.mu.Unlock()
	req = req.Clone(req.Context())
	req.URL.Scheme = "http"
	return w.transport.RoundTrip(req)
}

func newWorld(tb testing.TB, o github.Options) *world {
	tb.Helper()
	o.Repository, o.Commit, o.Judge = "octocat/hello", commit, githubtest.Judge(tb)
	o.Tokens = append(o.Tokens, github.Token{Value: secret.New(token), Write: true}, github.Token{Value: secret.New("ghs_reader")})
	gh, err := github.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{t: tb, dir: tb.TempDir()}
	oci := ociregistry.New(ociregistry.Logger(slog.NewLogLogger(slog.DiscardHandler, 0)))
	hosts := map[string]http.Handler{"github.com": gh.Web(), github.FilesHost: gh.Files(), "ghcr.io": oci, "index.docker.io": oci}
	w.github = gh.API()
	for host, handler := range map[string]http.Handler{"api.github.com": w.github, "uploads.github.com": gh.Uploads()} {
		hosts[host] = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if host == "uploads.github.com" {
				r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, max(r.ContentLength/2, 0)), rest(w.slow), r.Body))
			}
			handler.ServeHTTP(rw, r)
			if r.Method != http.MethodGet && w.changed != nil {
				w.changed(r.Method + " " + r.URL.Path)
			}
		})
	}
	for host, handler := range hosts {
		hosts[host] = w.faults.Wrap(host, handler)
	}
	buffer := 4 << 10
	if _, ok := tb.(*testing.B); ok {
		buffer = 256 << 10
	}
	listener := bufconn.Listen(buffer)
	server := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handler, ok := hosts[r.Host]
		if !ok {
			tb.Errorf("%s is not in this world", r.Host)
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(rw, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	tb.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	// A connection for each request: a cut one is then no reason to repeat.
	w.transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.DialContext(ctx) }}
	w.api(http.MethodPost, "/git/refs", map[string]string{"ref": "refs/tags/" + tag, "sha": commit}, nil)
	return w
}

// rest is a reader that takes its time to say that it has nothing.
type rest time.Duration

func (r rest) Read([]byte) (int, error) {
	time.Sleep(time.Duration(r))
	return 0, io.EOF
}

// upload puts an asset into a release.
func (w *world) upload(release int64, name, content, contentType string) {
	w.t.Helper()
	resp, err := w.send(release, name, content, contentType)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		w.t.Fatalf("upload %s: %s", name, resp.Status)
	}
}

func (w *world) send(release int64, name, content, contentType string) (*http.Response, error) {
	w.t.Helper()
	address := fmt.Sprintf("https://uploads.github.com/repos/octocat/hello/releases/%d/assets?name=%s", release, url.QueryEscape(name))
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, address, strings.NewReader(content))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", contentType)
	return (&http.Client{Transport: w}).Do(req)
}
