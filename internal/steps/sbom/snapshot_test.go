package sbom_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/sbom"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// dependencyGraph is GitHub, and a job that it runs.
func dependencyGraph(t *testing.T) (*github.Server, sbom.Job) {
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
	return server, sbom.Job{
		APIURL: api.URL, ServerURL: "https://github.com", Repository: "acme/app", Workflow: "Release", Name: "image",
		RunID: 7, Commit: commit, Ref: "refs/tags/v1",
	}
}

func TestPackagesGoToTheDependencyGraph(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := release(t)
	pinned := w.push(t, "acme/app", all)
	server, job := dependencyGraph(t)
	d, _ := deps(t)
	d.Job = job
	cfg := sbom.Config{Images: []image.Pinned{pinned}, DependencySnapshot: true, Registry: registry.Credentials{GitHubToken: secret.New("writer")}}
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
	_, job := dependencyGraph(t)
	for name, test := range map[string]struct {
		change     func(*sbom.Job)
		token      string
		want, mend string
	}{
		"no permission":  {func(*sbom.Job) {}, "reader", "403", "contents: write"},
		"no job":         {func(j *sbom.Job) { *j = sbom.Job{} }, "writer", `input "dependency-snapshot"`, "outside of GitHub Actions"},
		"a pull request": {func(j *sbom.Job) { j.Event = pullRequest("of-the-head") }, "writer", "sha or ref is invalid", ""},
	} {
		d, _ := deps(t)
		d.Job = job
		test.change(&d.Job)
		cfg := sbom.Config{Images: []image.Pinned{pinned}, OutputDir: t.TempDir(), DependencySnapshot: true,
			Registry: registry.Credentials{GitHubToken: secret.New(test.token)}}
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
