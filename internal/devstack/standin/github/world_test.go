package github_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/secret"
)

const (
	owner  = "acme"
	repo   = "hello"
	commit = "0123456789abcdef0123456789abcdef01234567"
	write  = "ghs_write"
	read   = "ghs_read"
)

// world is GitHub without a network.
type world struct {
	t     *testing.T
	hosts map[string]http.Handler
	clock *atomic.Int64 // minutes
}

func newWorld(t *testing.T, change ...func(*github.Options)) *world {
	t.Helper()
	w := &world{t: t, clock: new(atomic.Int64)}
	options := github.Options{
		Repository: owner + "/" + repo, Commit: commit,
		Tokens: []github.Token{{Value: secret.New(write), Write: true}, {Value: secret.New(read)}},
		Judge:  githubtest.Judge(t),
		Now:    func() time.Time { return time.Now().Add(time.Duration(w.clock.Load()) * time.Minute) },
	}
	for _, c := range change {
		c(&options)
	}
	server, err := github.New(options)
	if err != nil {
		t.Fatal(err)
	}
	w.hosts = map[string]http.Handler{
		github.APIHost: server.API(), github.UploadsHost: server.Uploads(),
		github.WebHost: server.Web(), github.FilesHost: server.Files(), github.BundlesHost: server.Bundles(),
	}
	return w
}

// RoundTrip hands the request to the handler of its host.
func (w *world) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	handler, ok := w.hosts[r.URL.Host]
	if !ok {
		return nil, errors.New("no such host: " + r.URL.Host)
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer func() {
		if aborted, ok := recover().(error); ok {
			err = aborted
		}
	}()
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

// client is go-github with a token.
func (w *world) client(token string) *gh.Client {
	c := gh.NewClient(&http.Client{Transport: w})
	if token != "" {
		c = c.WithAuthToken(token)
	}
	return c
}

// call sends a request that go-github does not make.
func (w *world) call(method, target, token, body string) (status int, answer map[string]any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "test")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := w.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(content) > 0 {
		if err := json.Unmarshal(content, &answer); err != nil {
			w.t.Fatalf("%s %s = %d %s", method, target, resp.StatusCode, content)
		}
	}
	return resp.StatusCode, answer
}

// create makes a release.
func (w *world) create(r gh.RepositoryRelease) *gh.RepositoryRelease {
	w.t.Helper()
	made, _, err := w.client(write).Repositories.CreateRelease(w.t.Context(), owner, repo, &r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.clock.Add(1)
	return made
}

// edit changes a release.
func (w *world) edit(id int64, r gh.RepositoryRelease) *gh.RepositoryRelease {
	w.t.Helper()
	changed, _, err := w.client(write).Repositories.EditRelease(w.t.Context(), owner, repo, id, &r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.clock.Add(1)
	return changed
}

// upload adds an asset.
func (w *world) upload(id int64, name, content string) (*gh.ReleaseAsset, error) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "asset")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	asset, _, err := w.client(write).Repositories.UploadReleaseAsset(w.t.Context(), owner, repo, id,
		&gh.UploadOptions{Name: name, MediaType: "text/plain"}, file)
	return asset, err
}

// wantError wants GitHub's error with a status and, if not empty, the code of
// a validation error on a field.
func wantError(t *testing.T, err error, status int, field, code string) {
	t.Helper()
	var e *gh.ErrorResponse
	if !errors.As(err, &e) || e.Response.StatusCode != status {
		t.Errorf("error %v, want status %d", err, status)
		return
	}
	if code != "" && (len(e.Errors) != 1 || e.Errors[0].Field != field || e.Errors[0].Code != code) {
		t.Errorf("errors %+v, want %q on %q", e.Errors, code, field)
	}
}
