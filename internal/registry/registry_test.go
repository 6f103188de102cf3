package registry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
)

// everything uses each method of the client once.
func everything(t *testing.T, c *Client, p image.Pinned) {
	t.Helper()
	ctx := t.Context()
	_, resolveErr := c.Resolve(ctx, p.Ref())
	_, manifestErr := c.Manifest(ctx, p)
	_, platformsErr := c.Platforms(ctx, p)
	attached, attachErr := c.Attach(ctx, p, bundle)
	if attachErr != nil {
		t.Fatal(attachErr)
	}
	_, referrersErr := c.Referrers(ctx, p, "")
	_, artifactErr := c.Artifact(ctx, attached[0])
	appendErr := c.AppendLayers(ctx, p.Repository.Tag("layers"), Layer{MediaType: "text/plain", Content: []byte("x")})
	_, layersErr := c.Layers(ctx, p.Repository.Tag("layers"), anyLayer)
	err := errors.Join(resolveErr, manifestErr, platformsErr, referrersErr, artifactErr, appendErr, layersErr,
		c.CheckPush(ctx, p.Repository), c.Tag(ctx, p, "1.2"), c.Untag(ctx, p.Repository.Tag("1.2")))
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheTransportCarriesEveryRequest(t *testing.T) {
	t.Parallel()
	tokens := newBearer()
	demand := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Magic") == "yes" {
			return false
		}
		t.Errorf("%s %s came another way", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return true
	}
	for name, s := range map[string]*server{
		"open":   newServer(t, false, demand),
		"basic":  newServer(t, true, demand, basicAuth("ann", "pass-word-1")),
		"bearer": newServer(t, false, demand, tokens.around),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, loginAs(s.host(), "ann", "pass-word-1"), Options{Transport: magic{}})
			everything(t, c, s.push(t, platformImage(t, "linux", "amd64", "")))
		})
	}
}

func TestATokenIsFetchedOnceForEachScope(t *testing.T) {
	t.Parallel()
	tokens := newBearer()
	s := newServer(t, true, tokens.around)
	c := client(t, loginAs(s.host(), "ann", "pass-word-1"), Options{})
	p := s.push(t, platformImage(t, "linux", "amd64", ""))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := c.Resolve(t.Context(), p.Ref()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	everything(t, c, p)
	slices.Sort(tokens.issued)
	want := []string{"repository:org/app:pull", "repository:org/app:push,pull", "repository:org/app:push,pull,delete"}
	if !slices.Equal(tokens.issued, want) {
		t.Errorf("tokens %q, want %q", tokens.issued, want)
	}
}

func TestAClientThatWritesLogsInOnce(t *testing.T) {
	t.Parallel()
	tokens := newBearer()
	s := newServer(t, true, tokens.around)
	c := client(t, loginAs(s.host(), "ann", "pass-word-1"), Options{Writes: true})
	p := s.push(t, randomImage(t))
	if _, err := c.Referrers(t.Context(), p, ""); err != nil {
		t.Error(err)
	}
	if _, err := c.Attach(t.Context(), p, bundle); err != nil {
		t.Error(err)
	}
	if want := []string{"repository:org/app:push,pull"}; !slices.Equal(tokens.issued, want) {
		t.Errorf("tokens %q, want %q", tokens.issued, want)
	}
}

func TestAnExpiredTokenIsReplacedAndTheBodySentAgain(t *testing.T) {
	t.Parallel()
	for _, request := range []string{"PUT /v2/org/app/blobs", "PUT /v2/org/app/manifests", "POST", "DELETE"} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			tokens := newBearer()
			s := newServer(t, false, tokens.expireAt(request), tokens.around)
			// On a connection that was used before, net/http would begin the body anew.
			c := client(t, loginAs(s.host(), "ann", "pass-word-1"), Options{Transport: &http.Transport{DisableKeepAlives: true}})
			everything(t, c, s.push(t, platformImage(t, "linux", "amd64", "")))
			if tokens.expired == 0 {
				t.Errorf("no %s came", request)
			}
		})
	}
}

func TestDockerHubHasOneLoginUnderAllItsNames(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/", ""} {
		s := newServer(t, false, basicAuth("ann", "pass-word-1"))
		s.push(t, randomImage(t))
		var auth AuthList
		if err := auth.UnmarshalText([]byte("- {registry: '" + host + "', username: ann, password: pass-word-1}")); err != nil {
			t.Fatal(err)
		}
		c := client(t, Credentials{Auth: auth}, Options{Transport: rerouted{s}})
		for _, name := range []string{"org/app", "index.docker.io/org/app"} {
			if err := c.CheckPush(t.Context(), repository(t, name)); err != nil {
				t.Errorf("login %q, image %q: %v", host, name, err)
			}
		}
	}
}

func TestGitHubTokenIsForGHCR(t *testing.T) {
	t.Parallel()
	s := newServer(t, false, basicAuth("x-access-token", "gh-token"))
	c := client(t, Credentials{GitHubToken: secret.New("gh-token")}, Options{Transport: rerouted{s}})
	if err := c.CheckPush(t.Context(), repository(t, "ghcr.io/org/app")); err != nil {
		t.Error(err)
	}
	if err := c.CheckPush(t.Context(), repository(t, "quay.io/org/app")); !errors.Is(err, ErrDenied) {
		t.Errorf("quay.io took the token for ghcr.io: %v", err)
	}
	own := Credentials{GitHubToken: secret.New("other"), Auth: AuthList{{"ghcr.io", "x-access-token", secret.New("gh-token")}}}
	if err := client(t, own, Options{Transport: rerouted{s}}).CheckPush(t.Context(), repository(t, "ghcr.io/org/app")); err != nil {
		t.Errorf("registry-auth for ghcr.io is not preferred: %v", err)
	}
}

func TestCheckPushLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	if err := client(t, Credentials{}, Options{}).CheckPush(t.Context(), s.repo(t)); err != nil {
		t.Fatal(err)
	}
	if n := s.count("DELETE /v2/org/app/blobs/uploads/"); n != 1 {
		t.Errorf("the upload was given up %d times, want once", n)
	}
	if n := s.count("PUT ") + s.count("PATCH "); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestTagIsReadBack(t *testing.T) {
	t.Parallel()
	late := newServer(t, false, fault(2, "HEAD", "/manifests/1.2", status(http.StatusNotFound)))
	if err := client(t, Credentials{}, Options{}).Tag(t.Context(), late.push(t, randomImage(t)), "1.2"); err != nil {
		t.Errorf("a tag that is shown late: %v", err)
	}
	lost := newServer(t, false, fault(-1, "PUT", "/manifests/1.2", status(http.StatusCreated)))
	p := lost.push(t, randomImage(t))
	err := client(t, Credentials{}, Options{}).Tag(t.Context(), p, "1.2")
	if err == nil || !strings.Contains(err.Error(), `org/app:1.2": the registry took it, but the tag points to nothing`) {
		t.Errorf("a tag that was not written: error %v", err)
	}
}

func TestUntagLeavesTheManifest(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	p := s.push(t, randomImage(t))
	ref := p.Repository.Tag("1.2")
	if err := c.Tag(t.Context(), p, "1.2"); err != nil {
		t.Fatal(err)
	}
	if err := c.Untag(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resolve(t.Context(), ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("the tag is still there: %v", err)
	}
	if _, err := c.Resolve(t.Context(), p.Ref()); err != nil {
		t.Errorf("the manifest is gone: %v", err)
	}
	if err := c.Untag(t.Context(), ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such tag: error %v, want ErrNotFound", err)
	}
}

func TestACancelledCallEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newServer(t, true, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/referrers/") {
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	})
	_, err := client(t, Credentials{}, Options{}).Attach(ctx, s.push(t, randomImage(t)), bundle)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestALoginThatFailedIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t, false, fault(1, "GET", "/v2/", status(http.StatusBadGateway)))
	c := client(t, Credentials{}, Options{})
	p := s.push(t, randomImage(t))
	if _, err := c.Resolve(t.Context(), p.Ref()); err == nil {
		t.Fatal("the fault was not seen")
	}
	if _, err := c.Resolve(t.Context(), p.Ref()); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheTransportRetries(t *testing.T) {
	t.Parallel()
	for method, path := range map[string]string{"GET": "/manifests/", "HEAD": "/blobs/", "POST": "/blobs/uploads/", "PUT": "/manifests/"} {
		s := newServer(t, true, fault(-1, method, path, status(http.StatusServiceUnavailable)))
		c := client(t, Credentials{}, Options{})
		p := s.push(t, randomImage(t))
		_, readErr := c.Manifest(t.Context(), p)
		_, attachErr := c.Attach(t.Context(), p, bundle)
		if errors.Join(readErr, attachErr) == nil {
			t.Errorf("%s: no error", method)
		}
		want := 1
		if strings.HasPrefix(path, "/blobs/") {
			want = 2 // the config and the content, or both at once
		}
		if n := s.count(method + " /v2/org/app" + path); n == 0 || n > want {
			t.Errorf("%s: %d requests, want at most %d", method, n, want)
		}
	}
}
