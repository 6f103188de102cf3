package registries_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/devstack/standin"
	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/steps/cleanup/registries"
	"github.com/org/release-actions/internal/transport"
)

// kinds of repositories, each with the backend that is its own.
var kinds = []string{"ghcr", "hub", "oci", "oci without referrers"}

// world is one repository, and the registries as the step sees them.
type world struct {
	*registries.Registries
	*standin.Servers
	t       *testing.T
	kind    string
	repo    image.Repository
	remote  []remote.Option
	client  *registry.Client
	options registries.Options
	asked   *counter // what a plain registry was asked
}

func newWorld(t *testing.T, kind string, change ...func(*registries.Options)) *world {
	t.Helper()
	w := &world{t: t, kind: kind, asked: &counter{}}
	backend := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(backend.Close)
	var err error
	if w.Servers, err = standin.Start(t.Context(), standin.Options{Dir: t.TempDir(), GHCRBackend: backend.URL}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	base := w.transport()
	plain := httptest.NewServer(w.asked.wrap(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(kind == "oci"))))
	t.Cleanup(plain.Close)
	w.repo = repository(t, map[string]string{"ghcr": "ghcr.io/acme/hello/sub", "hub": "docker.io/acme/hello"}[kind])
	auth := authn.Anonymous
	switch kind {
	case "ghcr":
		auth = &authn.Basic{Username: "x", Password: w.Credentials.GitHubToken.Reveal()}
	case "hub":
		auth = &authn.Basic{Username: w.Credentials.DockerHubUser, Password: w.Credentials.DockerHubToken.Reveal()}
	default:
		w.repo = repository(t, strings.TrimPrefix(plain.URL, "http://")+"/org/app")
	}
	w.remote = []remote.Option{remote.WithTransport(base), remote.WithAuth(auth), remote.WithContext(t.Context())}
	w.open(base, change...)
	return w
}

// transport reaches the stand-ins by their names, and loopback.
func (w *world) transport() *http.Transport {
	proxy, err := url.Parse(w.ProxyURL)
	if err != nil {
		w.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.CAPEM)
	base := &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if strings.HasPrefix(r.URL.Host, "127.0.0.1") {
				return nil, nil
			}
			return proxy, nil
		},
		TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 16,
	}
	w.t.Cleanup(base.CloseIdleConnections)
	return base
}

// in returns the same world with another repository, for a test of its own.
func (w *world) in(t *testing.T, name string) *world {
	t.Helper()
	other := *w
	other.t, other.repo = t, repository(t, w.repo.String()+"-"+name)
	other.open(other.transport())
	return &other
}

// open makes the clients anew, as another run does.
func (w *world) open(base http.RoundTripper, change ...func(*registries.Options)) {
	w.t.Helper()
	rt := transport.New(transport.Options{Base: base, RetryFor: -1, UserAgent: "test"})
	c := w.Credentials
	var err error
	w.client, err = registry.New(registry.Credentials{
		GitHubToken: c.GitHubToken, DockerHubUsername: c.DockerHubUser, DockerHubToken: c.DockerHubToken,
	}, registry.Options{Transport: rt})
	if err != nil {
		w.t.Fatal(err)
	}
	github, err := ghapi.New(ghapi.Options{Token: c.GitHubToken, Transport: rt})
	if err != nil {
		w.t.Fatal(err)
	}
	hub, err := dockerhub.New(dockerhub.Options{Username: c.DockerHubUser, Password: c.DockerHubToken, Transport: rt, Now: w.Clock.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	// What was pushed a moment ago is settled, for these tests.
	w.options = registries.Options{
		Registry: w.client, GitHub: github, DockerHub: hub, Now: func() time.Time { return w.Clock.Now().Add(2 * time.Hour) },
	}
	for _, f := range change {
		f(&w.options)
	}
	w.Registries = registries.New(w.options)
}

func repository(t *testing.T, s string) image.Repository {
	t.Helper()
	if s == "" {
		return image.Repository{}
	}
	r, err := image.ParseRepository(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ref names something in the repository: a tag, or a digest.
func (w *world) ref(reference string) name.Reference {
	w.t.Helper()
	text := w.repo.String() + ":" + reference
	if strings.Contains(reference, ":") {
		text = w.repo.String() + "@" + reference
	}
	ref, err := name.ParseReference(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return ref
}

func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) tag(d image.Digest, tag string) {
	w.t.Helper()
	described := must[*remote.Descriptor](w.t)(remote.Get(w.ref(string(d)), w.remote...))
	if err := remote.Tag(w.ref(tag).(name.Tag), described, w.remote...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) list() retention.Inventory {
	w.t.Helper()
	inv, err := w.List(w.t.Context(), w.repo)
	if err != nil {
		w.t.Fatal(err)
	}
	// It is a JSON document.
	text := must[[]byte](w.t)(json.Marshal(inv))
	var back retention.Inventory
	if err := json.Unmarshal(text, &back); err != nil {
		w.t.Fatal(err)
	}
	return back
}

func find(t *testing.T, inv retention.Inventory, d image.Digest) retention.Version {
	t.Helper()
	n := slices.IndexFunc(inv.Versions, func(v retention.Version) bool { return v.Digest == d })
	if n < 0 {
		t.Fatalf("%s is not in the inventory", d)
	}
	return inv.Versions[n]
}

// reads returns how often manifests were read, by digest or tag.
func (w *world) reads() map[string]int {
	count := map[string]int{}
	note := func(method, path string) {
		if _, reference, ok := strings.Cut(path, "/manifests/"); ok && method == http.MethodGet {
			count[reference]++
		}
	}
	for _, r := range w.Faults.Requests() {
		if r.Host == "ghcr.io" || r.Host == "index.docker.io" {
			note(r.Method, r.Path)
		}
	}
	for _, r := range w.asked.all() {
		method, path, _ := strings.Cut(r, " ")
		note(method, path)
	}
	return count
}

func (w *world) forget() {
	w.Faults.ClearRequests()
	w.asked.clear()
}

func sorted(tags []string) string { return fmt.Sprint(slices.Sorted(slices.Values(tags))) }

func (w *world) resolve(tag string) image.Digest {
	w.t.Helper()
	return must[image.Pinned](w.t)(w.client.Resolve(w.t.Context(), w.repo.Tag(tag))).Digest
}
