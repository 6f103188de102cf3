package dockerhubreadme_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/dockerhubreadme"
	"github.com/org/release-actions/internal/transport"
)

const (
	admin  = "dckr_pat_plantedAdmin"
	pusher = "dckr_pat_plantedPusher"
	org    = "dckr_oat_plantedOrg"
	// orgPull may pull only.
	orgPull = "dckr_oat_plantedPull"
)

// world is Docker Hub and a checkout.
type world struct {
	t         *testing.T
	url       string
	faults    fault.Controller
	log, out  bytes.Buffer
	workspace string

	mu       sync.Mutex
	requests []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, workspace: t.TempDir()}
	hub := newHub("octo/app", "octo/tool", "cats/app")
	server := httptest.NewServer(w.faults.Wrap("", hub.API()))
	t.Cleanup(server.Close)
	w.url = server.URL
	w.readme("# App\n\nSee [the docs](docs/x.md).\n")
	return w
}

func (w *world) readme(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.workspace, "README.md"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// RoundTrip records a request and sends it.
func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.requests = append(w.requests, req.Method+" "+req.URL.Path)
	w.mu.Unlock()
	return http.DefaultTransport.RoundTrip(req)
}

func (w *world) config(repository string) dockerhubreadme.Config {
	w.t.Helper()
	cfg := dockerhubreadme.Config{Username: "octo", Password: secret.New(admin), Readme: "./README.md"}
	cfg.Repositories = repositories(w.t, repository)
	return cfg
}

func repositories(t *testing.T, names ...string) []dockerhubreadme.Repository {
	t.Helper()
	all := make([]dockerhubreadme.Repository, len(names))
	for i, name := range names {
		if err := all[i].UnmarshalText([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func (w *world) hub(user, password string) *dockerhub.Client {
	w.t.Helper()
	hub, err := dockerhub.New(dockerhub.Options{URL: w.url, Username: user, Password: secret.New(password), Transport: transport.New(transport.Options{Base: w})})
	if err != nil {
		w.t.Fatal(err)
	}
	return hub
}

func (w *world) run(cfg dockerhubreadme.Config) (dockerhubreadme.Result, error) {
	w.t.Helper()
	w.requests = nil
	cfg.APIURL = w.url
	pages, err := dockerhubreadme.Open(cfg, transport.New(transport.Options{Base: w}))
	if err != nil {
		w.t.Fatal(err)
	}
	result, err := dockerhubreadme.Run(w.t.Context(), cfg, dockerhubreadme.Deps{
		Pages: pages, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Out: &w.out,
		Job: job.Job{ServerURL: "https://github.com", Repository: "octocat/app", RefName: "v1", Workspace: w.workspace},
	})
	shown := w.log.String()
	if err != nil {
		shown += err.Error() + strings.Join(hint.Of(err), " ")
	}
	if strings.Contains(shown, "planted") {
		w.t.Errorf("a secret is shown: %s", shown)
	}
	return result, err
}

func (w *world) page(repository string) dockerhub.Page {
	w.t.Helper()
	r, err := image.ParseRepository(repository)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.hub("octo", admin).Page(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func TestSetsBothDescriptionsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config("docker.io/Octo/App")
	cfg.ShortDescription, cfg.CompleteURLs = "An app", true
	result, err := w.run(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"POST /v2/auth/token", "GET /v2/repositories/octo/app", "PATCH /v2/repositories/octo/app"}; !slices.Equal(w.requests, want) {
		t.Errorf("requests %q, want %q", w.requests, want)
	}
	if p := w.page("octo/app"); p.FullDescription != "# App\n\nSee [the docs](https://github.com/octocat/app/blob/v1/docs/x.md).\n" || *p.Description != "An app" {
		t.Errorf("page is %+v", p)
	}
	if !slices.Equal(result.URLs, []string{"https://hub.docker.com/r/octo/app"}) || !strings.Contains(result.Summary(), "| updated |") {
		t.Errorf("result is %+v", result)
	}

	cfg.ShortDescription = "" // stays
	result, err = w.run(cfg)
	if err != nil || len(w.requests) != 2 || !strings.Contains(result.Summary(), "| unchanged |") {
		t.Errorf("second run: %q, %v", w.requests, err)
	}
	if p := w.page("octo/app"); *p.Description != "An app" {
		t.Errorf("short description is %q", *p.Description)
	}
}

func TestTakesTheRepositoriesOfTheImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := dockerhubreadme.Config{Username: "octo", Password: secret.New(admin), Readme: "README.md"}
	for _, name := range []string{"ghcr.io/octo/app", "docker.io/octo/app", "octo/tool", "index.docker.io/octo/app"} {
		p, err := image.ParsePinned(name + "@sha256:" + strings.Repeat("a", 64))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Images = append(cfg.Images, p)
	}
	if _, err := w.run(cfg); err != nil || len(w.requests) != 5 {
		t.Errorf("requests %q, %v", w.requests, err)
	}
	if w.page("octo/app").FullDescription == "" || w.page("octo/tool").FullDescription == "" {
		t.Error("a description is missing")
	}

	for name, c := range map[string]dockerhubreadme.Config{
		"no image on Docker Hub": {Username: "octo", Password: secret.New(admin), Images: cfg.Images[:1]},
		"no login":               {Images: cfg.Images},
		"nothing":                {},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		result, err := w.run(c)
		if err != nil || len(w.requests) > 0 || len(result.URLs) > 0 || result.Summary() != "" {
			t.Errorf("%s: requests %q, result %+v, %v", name, w.requests, result, err)
		}
	}
	if !strings.Contains(w.log.String(), "level=WARN msg=\"Docker Hub's description stays as it is") {
		t.Errorf("no warning in %s", w.log.String())
	}
}

func TestHalfALoginIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for want, cfg := range map[string]dockerhubreadme.Config{
		`input "password" is missing`: {Username: "octo"},
		`input "username" is missing`: {Password: secret.New(admin)},
	} {
		if err := cfg.Validate(); err == nil || err.Error() != want || len(hint.Of(err)) == 0 {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	cfg := w.config("octo/app")
	cfg.Username, cfg.Password = "", secret.String{}
	if cfg.Validate() == nil {
		t.Error("a repository without any login is accepted")
	}
}

func TestRefusalsSayTheMend(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, repository, user, password, want, mend string }{
		{"wrong password", "octo/app", "octo", "wrong", "401 Unauthorized", "user name and the password"},
		{"token may push only", "octo/app", "octo", pusher, "403 Forbidden: insufficient scope", "Read, Write, Delete"},
		{"another's", "cats/app", "octo", admin, "403 Forbidden", "Read, Write, Delete"},
		{"no such repository", "octo/none", "octo", admin, "404 Not Found", "push an image first"},
	} {
		w := newWorld(t)
		cfg := w.config(test.repository)
		cfg.Username, cfg.Password = test.user, secret.New(test.password)
		result, err := w.run(cfg)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) || len(result.URLs) > 0 {
			t.Errorf("%s: error %v, hints %q", test.name, err, hint.Of(err))
		}
	}
}

func TestOneFailureLeavesTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config("octo/app")
	cfg.Repositories = repositories(t, "octo/none", "octo/app", "octo/tool")
	result, err := w.run(cfg)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), `read the page of "docker.io/octo/none": 404`) {
		t.Errorf("error %v", err)
	}
	if want := []string{"https://hub.docker.com/r/octo/app", "https://hub.docker.com/r/octo/tool"}; !slices.Equal(result.URLs, want) {
		t.Errorf("urls %q", result.URLs)
	}
}

func TestAnOrganisationsTokenNeedsItsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config("cats/app")
	cfg.Username, cfg.Password = "cats", secret.New(orgPull)
	_, err := w.run(cfg)
	if hints := strings.Join(hint.Of(err), " "); err == nil || !strings.HasPrefix(hints, "give the organisation's access token the scope \"Repository Edit\"") {
		t.Errorf("error %v, hints %q", err, hints)
	}
}

func TestAnOrganisationsTokenWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.config("cats/app")
	cfg.Username, cfg.Password = "cats", secret.New(org)
	if _, err := w.run(cfg); err != nil {
		t.Fatal(err)
	}
	if p := w.page("cats/app"); p.FullDescription == "" {
		t.Errorf("page is %+v", p)
	}
}

func TestPassingFaultsArePassed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for skip, rule := range []fault.Rule{{Status: 503}, {Status: 429, Header: map[string]string{"Retry-After": "1"}}, {Status: 503}} {
		rule.Skip, rule.Count = skip, 1
		if err := w.faults.Add(rule); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.run(w.config("octo/app")); err != nil {
		t.Error(err)
	}
	if rest := w.faults.Rules(); len(rest) > 0 || w.page("octo/app").FullDescription == "" {
		t.Errorf("faults left: %+v", rest)
	}
}
