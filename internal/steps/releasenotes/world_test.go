package releasenotes_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"google.golang.org/grpc/test/bufconn"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/releasenotes"
	"github.com/org/release-actions/internal/transport"
)

const (
	token  = "ghs_plantedSecret"
	commit = "860c1904a1ce19322e91ac35af1ab07466440c37"
	tag    = "v1.2.3"
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

func newWorld(t testing.TB, o github.Options) *world {
	t.Helper()
	o.Repository, o.Commit, o.Judge = "octocat/hello", commit, githubtest.Judge(t)
	o.Tokens = append(o.Tokens, github.Token{Value: secret.New(token), Write: true}, github.Token{Value: secret.New("ghs_reader")})
	gh, err := github.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir()}
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
	if _, ok := t.(*testing.B); ok {
		buffer = 256 << 10
	}
	listener := bufconn.Listen(buffer)
	server := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handler, ok := hosts[r.Host]
		if !ok {
			t.Errorf("%s is not in this world", r.Host)
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(rw, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	t.Cleanup(func() {
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

// api asks GitHub directly, by the same stand-in but past the faults.
func (w *world) api(method, path string, body, out any) {
	w.t.Helper()
	rules := w.faults.Rules()
	w.faults.Clear()
	defer func() {
		if err := w.faults.Add(rules...); err != nil {
			w.t.Fatal(err)
		}
		w.requests = nil
	}()
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, "https://api.github.com/repos/octocat/hello"+path, bytes.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := (&http.Client{Transport: w}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode > 299 {
		w.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			w.t.Fatal(err)
		}
	}
}

// direct asks GitHub while it handles another request.
func (w *world) direct(method, path string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Error(err)
	}
	req := httptest.NewRequestWithContext(w.t.Context(), method, "/repos/octocat/hello"+path, bytes.NewReader(text))
	req.Header.Set("User-Agent", "test")
	req.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	w.github.ServeHTTP(answer, req)
	if answer.Code > 299 {
		w.t.Errorf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
}

// get returns what a request is answered with, past any redirects.
func (w *world) get(req *http.Request) string {
	w.t.Helper()
	resp, err := (&http.Client{Transport: w}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s, %v", req.URL, resp.Status, err)
	}
	return string(body)
}

// releases returns all releases of the tag, drafts too.
func (w *world) releases() []ghapi.Release {
	w.t.Helper()
	var all, found []ghapi.Release
	w.api(http.MethodGet, "/releases?per_page=100", nil, &all)
	for _, r := range all {
		if r.Tag == tag {
			found = append(found, r)
		}
	}
	return found
}

// only returns the one release of the tag.
func (w *world) only() ghapi.Release {
	w.t.Helper()
	found := w.releases()
	if len(found) != 1 {
		w.t.Fatalf("%d releases of %s, want one", len(found), tag)
	}
	return found[0]
}

// file writes a file and returns its path.
func (w *world) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// push puts the same index into both registries.
func (w *world) push() []image.Pinned {
	w.t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, p := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}, {OS: "linux", Architecture: "arm", Variant: "v7"}} {
		img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant})
		if err != nil {
			w.t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	var pinned []image.Pinned
	for _, repository := range []string{"ghcr.io/octocat/hello", "docker.io/octo/hello"} {
		ref, err := name.ParseReference(repository + ":pushed")
		if err != nil {
			w.t.Fatal(err)
		}
		if err := remote.WriteIndex(ref, index, remote.WithTransport(w), remote.WithContext(w.t.Context())); err != nil {
			w.t.Fatal(err)
		}
		digest, err := index.Digest()
		if err != nil {
			w.t.Fatal(err)
		}
		p, err := image.ParsePinned(repository + "@" + digest.String())
		if err != nil {
			w.t.Fatal(err)
		}
		pinned = append(pinned, p)
	}
	return pinned
}

// config is a release with two files.
func (w *world) config() releasenotes.Config {
	return releasenotes.Config{
		Files:         []string{w.file("one.txt", "one"), w.file("two.json", "{}")},
		FailUnmatched: true,
		Overwrite:     true,
		Registry:      registry.Credentials{GitHubToken: secret.New(token)},
	}
}

func (w *world) deps() releasenotes.Deps {
	w.t.Helper()
	retrying := transport.New(transport.Options{Base: w, RetryFor: cmp.Or(w.retryFor, -1)})
	gh, err := ghapi.New(ghapi.Options{Repository: ghapi.Repository{Owner: "octocat", Name: "hello"}, Token: secret.New(token), Transport: retrying})
	if err != nil {
		w.t.Fatal(err)
	}
	oci, err := registry.New(registry.Credentials{}, registry.Options{Transport: retrying})
	if err != nil {
		w.t.Fatal(err)
	}
	return releasenotes.Deps{
		GitHub: gh, Registry: oci, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		ServerURL: "https://github.com", Origin: releasenotes.Origin{Repository: "Octocat/hello", Ref: "refs/tags/" + tag, Commit: commit}, Pause: time.Millisecond,
	}
}

func (w *world) run(cfg releasenotes.Config) (releasenotes.Result, error) {
	w.t.Helper()
	w.requests = nil
	result, err := releasenotes.Run(w.t.Context(), cfg, w.deps())
	if text := fmt.Sprint(result, err) + w.log.String(); strings.Contains(text, token) {
		w.t.Errorf("the token is shown: %s", text)
	}
	return result, err
}

func (w *world) mustRun(cfg releasenotes.Config) releasenotes.Result {
	w.t.Helper()
	result, err := w.run(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// assets returns the names of the assets of the only release, sorted.
func (w *world) assets() []string {
	w.t.Helper()
	var names []string
	for _, a := range w.only().Assets {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

// writes lists the requests of the last run that change something.
func (w *world) writes() []string {
	return slices.DeleteFunc(slices.Clone(w.requests), func(r string) bool {
		return strings.HasPrefix(r, "GET ") || strings.HasPrefix(r, "HEAD ") || r == "POST /releases/generate-notes"
	})
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
