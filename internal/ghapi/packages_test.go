package ghapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
)

// packages is GitHub with ghcr.io, without a network between them.
type packages struct {
	*ghapi.Client
	ghcr *registry.GHCR
	api  http.Handler

	mu    sync.Mutex
	clock time.Time
	calls []string
	// before is called before each request that the API gets.
	before func(method, path string)
}

func (p *packages) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock
}

func (p *packages) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock = p.clock.Add(d)
}

func (p *packages) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.calls = append(p.calls, r.Method+" "+r.URL.EscapedPath()+"?"+r.URL.RawQuery)
	before := p.before
	p.mu.Unlock()
	if before != nil {
		before(r.Method, r.URL.Path)
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.Header.Set("User-Agent", "test")
	rec := httptest.NewRecorder()
	p.api.ServeHTTP(rec, r)
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

// push pushes an artifact that is like no other, and returns its digest.
func (p *packages) push(t *testing.T, name, content string, references ...string) (digest string) {
	t.Helper()
	put := func(path, contentType, body string) http.Header {
		r := httptest.NewRequest(http.MethodPut, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.SetBasicAuth("x", "ghs_write")
		rec := httptest.NewRecorder()
		p.ghcr.ServeHTTP(rec, r)
		if rec.Code != http.StatusCreated {
			t.Fatalf("PUT %s: %d %s", path, rec.Code, rec.Body)
		}
		return rec.Header()
	}
	const mediaType = "application/vnd.oci.image.index.v1+json"
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"content":%q}}`, mediaType, content)
	for _, reference := range append([]string{"by-content-" + content}, references...) {
		digest = put("/v2/"+name+"/manifests/"+reference, mediaType, index).Get("Docker-Content-Digest")
	}
	return digest
}

func newPackages(t *testing.T, personal bool, scopes ...string) *packages {
	t.Helper()
	backend := httptest.NewServer(ggcr.New(ggcr.Logger(slog.NewLogLogger(slog.DiscardHandler, 0))))
	t.Cleanup(backend.Close)
	p := &packages{clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var err error
	p.ghcr, err = registry.NewGHCR(registry.GHCROptions{
		Backend: backend.URL, Owner: "Acme", Token: secret.New("ghs_write"), ReadToken: secret.New("ghs_read"), Now: p.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	judge := githubtest.Judge(t)
	if personal {
		judge = nil // of a user's versions GitHub describes no pages, and has them all the same
	}
	server, err := github.New(github.Options{
		Repository: "Acme/hello", Commit: strings.Repeat("0", 40), Packages: p.ghcr.Packages(), Personal: personal, Now: p.now, RateLimit: 1 << 20, Judge: judge,
		Tokens: []github.Token{{Value: secret.New("ghs_write"), Write: true}, {Value: secret.New("ghs_read")}, {Value: secret.New("ghp_classic"), Scopes: scopes}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.api = server.API()
	p.Client = p.as(t, "ghs_write")
	return p
}

func (p *packages) as(t *testing.T, token string) *ghapi.Client {
	t.Helper()
	c, err := ghapi.New(ghapi.Options{Repository: ghapi.Repository{Owner: "Acme", Name: "hello"}, Token: secret.New(token), Transport: p})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPackagesOfUsersAndOrganisations(t *testing.T) {
	t.Parallel()
	for _, personal := range []bool{false, true} {
		p := newPackages(t, personal)
		p.push(t, "acme/hello", "a", "1.0")
		digest := p.push(t, "acme/hello/sub", "b", "2.0", "latest")
		all, err := p.Packages(t.Context(), "Acme")
		if err != nil || len(all) != 2 || all[1].String() != "Acme/hello/sub" || all[1].Versions != 1 {
			t.Errorf("personal %v: %v, %v", personal, all, err)
		}
		sub, err := p.Package(t.Context(), "Acme", "hello/sub")
		if err != nil {
			t.Fatal(err)
		}
		versions, err := p.PackageVersions(t.Context(), sub)
		if err != nil || len(versions) != 1 || versions[0].Digest != digest || !slices.Contains(versions[0].Tags(), "latest") || !versions[0].Created.Equal(p.now()) {
			t.Errorf("personal %v: %v, %v", personal, versions, err)
		}
		if v, err := p.PackageVersion(t.Context(), sub, versions[0].ID); err != nil || v.Digest != digest {
			t.Errorf("personal %v: %v, %v", personal, v, err)
		}
		if _, err := p.Package(t.Context(), "Acme", "none"); !errors.Is(err, ghapi.ErrNotFound) || !strings.Contains(fmt.Sprint(hint.Of(err)), `"packages: read"`) {
			t.Errorf("no such package: %v %q", err, hint.Of(err))
		}
	}
}

func TestAllVersionsAreListed(t *testing.T) {
	t.Parallel()
	p := newPackages(t, false)
	const count = 250
	for n := range count {
		p.push(t, "acme/hello", fmt.Sprint(n))
		p.pass(time.Minute)
	}
	hello, err := p.Package(t.Context(), "acme", "hello")
	if err != nil {
		t.Fatal(err)
	}
	p.calls = nil
	versions, err := p.PackageVersions(t.Context(), hello)
	if err != nil || len(versions) != count || len(p.calls) != 3+2 {
		t.Fatalf("%d versions, %v, after %v", len(versions), err, p.calls)
	}
	for n, v := range versions {
		if n > 0 && v.Created.After(versions[n-1].Created) {
			t.Fatalf("version %d is newer than the one before", n)
		}
	}
}

func TestAListingThatChangesIsMadeAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		changes int // how many listings something changes in
		fails   bool
	}{"once": {1, false}, "always": {1 << 20, true}} {
		p := newPackages(t, false)
		for n := range 150 {
			p.push(t, "acme/hello", fmt.Sprint(n))
		}
		hello, err := p.Package(t.Context(), "acme", "hello")
		if err != nil {
			t.Fatal(err)
		}
		pushed, pages := 0, 0
		p.before = func(_, path string) {
			// A deletion between two pages moves one version to a page that was read.
			if strings.HasSuffix(path, "/versions") {
				if pages++; pages%2 == 0 && pushed < test.changes {
					pushed++
					p.pass(time.Second)
					if err := p.ghcr.Packages().Delete(context.Background(), "acme/hello", int64(150-pushed)); err != nil {
						t.Error(err)
					}
				}
			}
		}
		versions, err := p.PackageVersions(t.Context(), hello)
		if test.fails {
			if err == nil || !strings.Contains(err.Error(), "changes while it is listed") || len(hint.Of(err)) != 1 {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(versions) != 149 || pages != 4 {
			t.Errorf("%s: %d versions in %d pages, %v", name, len(versions), pages, err)
		}
	}
}

func TestDeletedVersionsCanBeRestored(t *testing.T) {
	t.Parallel()
	p := newPackages(t, false)
	digest := p.push(t, "acme/hello", "a", "1.0")
	p.push(t, "acme/hello", "b", "2.0")
	hello, err := p.Package(t.Context(), "acme", "hello")
	if err != nil {
		t.Fatal(err)
	}
	const id = 1
	if err := p.DeletePackageVersion(t.Context(), hello, id); err != nil {
		t.Fatal(err)
	}
	if err := p.DeletePackageVersion(t.Context(), hello, id); !errors.Is(err, ghapi.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := p.PackageVersion(t.Context(), hello, id); !errors.Is(err, ghapi.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	deleted, err := p.DeletedPackageVersions(t.Context(), hello)
	if err != nil || len(deleted) != 1 || deleted[0].Digest != digest || !deleted[0].Deleted.Equal(p.now()) {
		t.Errorf("deleted %v, %v", deleted, err)
	}
	p.pass(29 * 24 * time.Hour)
	if err := p.RestorePackageVersion(t.Context(), hello, id); err != nil {
		t.Fatal(err)
	}
	if v, err := p.PackageVersion(t.Context(), hello, id); err != nil || !slices.Contains(v.Tags(), "1.0") {
		t.Errorf("restored %v, %v", v, err)
	}
	if err := p.DeletePackageVersion(t.Context(), hello, id); err != nil {
		t.Fatal(err)
	}
	p.pass(31 * 24 * time.Hour)
	if err := p.RestorePackageVersion(t.Context(), hello, id); !errors.Is(err, ghapi.ErrNotFound) {
		t.Errorf("after a month: %v", err)
	}
}

func TestDeletionsThatGitHubRefuses(t *testing.T) {
	t.Parallel()
	p := newPackages(t, false, "repo", "write:packages")
	p.push(t, "acme/hello", "a")
	popular := p.push(t, "acme/hello", "b")
	p.push(t, "acme/last", "c")
	p.ghcr.Packages().SetDownloads("acme/hello", popular, 5001)
	hello, err := p.Package(t.Context(), "acme", "hello")
	if err != nil {
		t.Fatal(err)
	}
	last, err := p.Package(t.Context(), "acme", "last")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token      string
		pkg        ghapi.Package
		id         int64
		kind       error
		text, mend string
	}{
		"downloaded":    {"ghs_write", hello, 2, ghapi.ErrManyDownloads, `delete version 2 of "acme/hello": 400 Publicly visible`, "GitHub's support"},
		"last tagged":   {"ghs_write", last, 3, ghapi.ErrLastTagged, "400 You cannot delete the last tagged version", "delete the package itself"},
		"reading token": {"ghs_read", hello, 1, ghapi.ErrForbidden, "403 Resource not accessible", `grant "packages: write" under "permissions:" of the job, and give its repository the role Admin`},
		"missing scope": {"ghp_classic", hello, 1, ghapi.ErrForbidden, "403", `give the token the scope "delete:packages"`},
		"no such":       {"ghs_write", hello, 99, ghapi.ErrNotFound, "404", `"packages: write"`},
	} {
		err := p.as(t, test.token).DeletePackageVersion(t.Context(), test.pkg, test.id)
		hints := hint.Of(err)
		if !errors.Is(err, test.kind) || !strings.Contains(fmt.Sprint(err), test.text) || len(hints) != 1 || !strings.Contains(hints[0], test.mend) {
			t.Errorf("%s: %v %q", name, err, hints)
		}
	}
	if versions, err := p.PackageVersions(t.Context(), hello); err != nil || len(versions) != 2 {
		t.Errorf("left are %v, %v", versions, err)
	}
}

func TestPackagesOfNobody(t *testing.T) {
	t.Parallel()
	p := newPackages(t, false, "repo")
	if all, err := p.Packages(t.Context(), "nobody"); err == nil || all != nil || !strings.Contains(err.Error(), `"nobody"`) || len(hint.Of(err)) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if all, err := p.as(t, "ghp_classic").Packages(t.Context(), "acme"); all != nil || !errors.Is(err, ghapi.ErrForbidden) {
		t.Errorf("%v, %v", all, err)
	}
}
