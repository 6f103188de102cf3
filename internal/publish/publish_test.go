package publish

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/release"
	"github.com/org/release-actions/internal/secret"
)

// published is a small project whose version v1.2.3 is released, on a GitHub
// that sends the files of assets.
type published struct {
	cfg    Config
	deps   Deps
	commit string
}

func newPublished(t *testing.T, immutable bool) *published {
	t.Helper()
	root := project(t, t.TempDir())
	for name, from := range map[string]string{"actions/launch.sh": "../../actions/launch.sh", "actions/metadata/action.yml": "../../actions/metadata/action.yml", ".gitignore": "../../.gitignore"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	say, err := os.ReadFile(filepath.Join(root, "actions/say/main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "actions/metadata/main.go"), say, 0o600); err != nil {
		t.Fatal(err)
	}
	head := inGit(t, root)
	p, assetDir := &published{}, filepath.Join(root, "out/release/assets")
	token := secret.New("ghs_t0ken")
	gh, err := github.New(github.Options{Repository: "acme/actions", Commit: head, ImmutableReleases: immutable, Tokens: []github.Token{{Value: token, Write: true}}})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(gh.API())
	t.Cleanup(api.Close)
	web := httptest.NewServer(http.StripPrefix("/acme/actions/releases/download/v1.2.3/", http.FileServer(http.Dir(assetDir))))
	t.Cleanup(web.Close)
	p.deps = Deps{Root: root, Transport: http.DefaultTransport, ServerURL: web.URL, Environ: append(plainGit, "HOME="+t.TempDir(), "GOCACHE="+goCache(t)), Log: slog.New(slog.DiscardHandler), Stdout: io.Discard}
	p.deps.GitHub, err = ghapi.New(ghapi.Options{APIURL: api.URL, Repository: ghapi.Repository{Owner: "acme", Name: "actions"}, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	p.cfg = Config{Platforms: []image.Platform{here}, OutputDir: filepath.Join(root, "out/release"), Token: token}
	if p.cfg.Version, err = release.ParseVersion("v1.2.3"); err != nil {
		t.Fatal(err)
	}
	assets, err := Build(t.Context(), root, p.cfg.OutputDir, p.deps.Environ, p.cfg.Platforms)
	if err != nil {
		t.Fatal(err)
	}
	if p.commit, err = (work{dir: root, environ: p.deps.Environ}).commit(t.Context(), "v1.2.3", Checksums("v1.2.3", assets)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.deps.GitHub.CreateRelease(t.Context(), ghapi.ReleaseChange{Tag: "v1.2.3", Target: p.commit}); err != nil {
		t.Fatal(err)
	}
	return p
}

// goCache is where the go command keeps what it has built.
func goCache(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "go-build")
}

func (p *published) tag(t *testing.T, name, commit string) {
	t.Helper()
	if err := p.deps.GitHub.SetTag(t.Context(), name, commit); err != nil {
		t.Fatal(err)
	}
}

// at returns which of the tags are at the release's commit.
func (p *published) at(t *testing.T) (names []string) {
	t.Helper()
	for _, name := range []string{"v1", "v1.2", "v1.2.3"} {
		if tag, err := p.deps.GitHub.Tag(t.Context(), name); err == nil && tag.Commit == p.commit {
			names = append(names, name)
		}
	}
	return names
}

// TestReleasedVersions is about runs for a version that is published: they do
// what is left to do, or say why not.
func TestReleasedVersions(t *testing.T) {
	t.Parallel()
	before := strings.Repeat("a", 40)
	for name, test := range map[string]struct {
		change func(t *testing.T, p *published)
		want   string
		tags   []string
	}{
		"only the tags are left": {func(t *testing.T, p *published) { t.Helper(); p.tag(t, "v1", before) }, "", []string{"v1", "v1.2", "v1.2.3"}},
		"a fix of an old line":   {func(t *testing.T, p *published) { t.Helper(); p.tag(t, "v1.3.0", before) }, "", []string{"v1.2", "v1.2.3"}},
		"other sources": {
			func(t *testing.T, p *published) {
				t.Helper()
				git(t, p.deps.Root, "commit", "-q", "--allow-empty", "-m", "Go on")
			}, "v1.2.3 is released already, from other sources: it is at ", []string{"v1.2.3"},
		},
		"other bytes are published": {
			func(t *testing.T, p *published) {
				t.Helper()
				p.deps.Transport = flip{}
			}, "has the SHA-256 ", []string{"v1.2.3"},
		},
		"a release that isn't locked": {func(*testing.T, *published) {}, "v1.2.3 can still be changed", []string{"v1.2.3"}},
		"nothing is published": {
			func(t *testing.T, p *published) { t.Helper(); p.deps.ServerURL += "/elsewhere" }, "answers 404 Not Found", []string{"v1.2.3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublished(t, name != "a release that isn't locked")
			test.change(t, p)
			result, err := Run(t.Context(), p.cfg, p.deps)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if (result.Commit == p.commit) == (name == "other sources") {
				t.Errorf("the commit is %s, want %s", result.Commit, p.commit)
			}
			if got := p.at(t); !slices.Equal(got, test.tags) {
				t.Errorf("the tags %v are at it, want %v", got, test.tags)
			}
		})
	}
}

// flip changes the last byte of every answer.
type flip struct{}

func (flip) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil || len(content) == 0 {
		return nil, err
	}
	content[len(content)-1] ^= 1
	resp.Body = io.NopCloser(strings.NewReader(string(content)))
	return resp, nil
}
