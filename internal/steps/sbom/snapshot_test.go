package sbom_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/sbom"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// dependencyGraph is GitHub, a job that it runs, and its client with a token.
func dependencyGraph(t *testing.T) (*github.Server, job.Job, func(token string) *ghapi.Client) {
	t.Helper()
	server, err := github.New(github.Options{
		Repository: "acme/app", Commit: commit,
		Tokens: []github.Token{{Value: secret.New("writer"), Write: true}, {Value: secret.New("reader")}},
		Judge:  githubtest.Judge(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("User-Agent", "test") // which the transport of a step sets
		server.API().ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	client := func(token string) *ghapi.Client {
		c, err := ghapi.New(ghapi.Options{APIURL: api.URL, Repository: ghapi.Repository{Owner: "acme", Name: "app"}, Token: secret.New(token)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return server, job.Job{
		ServerURL: "https://github.com", Repository: "acme/app", Workflow: "Release", Name: "image",
		RunID: 7, Commit: commit, Ref: "refs/tags/v1",
	}, client
}

func TestPackagesGoToTheDependencyGraph(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := release(t)
	pinned := w.push(t, "acme/app", all)
	server, run, client := dependencyGraph(t)
	d, _ := deps(t)
	d.Job, d.GitHub = run, client("writer")
	cfg := sbom.Config{Images: []image.Pinned{pinned}, DependencySnapshot: true}
	for range 2 { // a second run replaces what the first one submitted
		cfg.OutputDir = filepath.Join(t.TempDir(), "out")
		if _, err := sbom.Run(t.Context(), cfg, d); err != nil {
			t.Fatal(err)
		}
	}
	for slug, packages := range wanted {
		correlator := "Release_image_" + pinned.Repository.String() + "_" + slug
		found, ok := server.Dependencies(correlator)
		if !ok || len(found) != len(packages) || !strings.Contains(strings.Join(found, " "), "pkg:npm/left-pad@1.3.0") {
			t.Errorf("%s: %q, want %q", correlator, found, packages)
		}
	}
}

func TestSnapshotsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pinned := w.push(t, "acme/app", platformImage(t, "linux/amd64", sharedLayer(t)))
	_, run, client := dependencyGraph(t)
	for name, test := range map[string]struct {
		change     func(*sbom.Deps)
		token      string
		want, mend string
	}{
		"no permission":  {func(*sbom.Deps) {}, "reader", "403", "contents: write"},
		"no job":         {func(d *sbom.Deps) { d.Job, d.GitHub = job.Job{}, nil }, "writer", `input "dependency-snapshot"`, "outside of GitHub Actions"},
		"a pull request": {func(d *sbom.Deps) { d.Job.Event = pullRequest("of-the-head") }, "writer", "sha or ref is invalid", ""},
	} {
		d, _ := deps(t)
		d.Job, d.GitHub = run, client(test.token)
		test.change(&d)
		cfg := sbom.Config{Images: []image.Pinned{pinned}, OutputDir: t.TempDir(), DependencySnapshot: true}
		_, err := sbom.Run(t.Context(), cfg, d)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.mend) {
			t.Errorf("%s: error %v, hints %q", name, err, hint.Of(err))
		}
	}
}

// pullRequest is the payload of an event for a pull request whose head is sha.
func pullRequest(sha string) map[string]any {
	return map[string]any{"pull_request": map[string]any{"head": map[string]any{"sha": sha}}}
}
