package registries_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/org/release-actions/internal/devstack/standin/github"
	standin "github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/cleanup/registries"
	"github.com/org/release-actions/internal/transport"
)

// crowd is ghcr.io with a package of many versions, on loopback.
type crowd struct {
	*registries.Registries
	ghcr, api counter
	indexes   int // that must be read: of releases, and of what refers to them
	versions  int
}

// loopback sends requests to the servers that stand for their hosts.
type loopback map[string]string

func (l loopback) RoundTrip(r *http.Request) (*http.Response, error) {
	to := r.Clone(r.Context())
	to.URL.Scheme, to.URL.Host = "http", l[r.URL.Host]
	resp, err := http.DefaultTransport.RoundTrip(to)
	if err == nil {
		resp.Request = r
	}
	return resp, err
}

// newCrowd makes releases of ten versions each: an index of three images with
// their attestations, a signature, an SBOM, and the list of these two. Of every
// third, the tag has moved on to the next.
func newCrowd(tb testing.TB, releases int) *crowd {
	tb.Helper()
	c := &crowd{versions: releases * 10, indexes: releases * 2}
	quiet := slog.New(slog.DiscardHandler)
	backend := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	tb.Cleanup(backend.Close)
	start := time.Now().Add(-time.Duration(releases) * time.Hour)
	clock := start
	token := secret.New("ghs")
	front, err := standin.NewGHCR(standin.GHCROptions{Backend: backend.URL, Owner: "acme", Token: token, Now: func() time.Time { return clock }, Log: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	put := func(reference, mediaType, manifest string) string {
		r := httptest.NewRequest(http.MethodPut, "/v2/acme/hello/manifests/"+reference, strings.NewReader(manifest))
		r.Header.Set("Content-Type", mediaType)
		r.SetBasicAuth("x", token.Reveal())
		rec := httptest.NewRecorder()
		front.ServeHTTP(rec, r)
		if rec.Code != http.StatusCreated {
			tb.Fatalf("PUT %s: %d %s", reference, rec.Code, rec.Body)
		}
		sum := sha256.Sum256([]byte(manifest))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	const oneManifest, oneIndex = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
	byDigest := func(mediaType, manifest string) string {
		sum := sha256.Sum256([]byte(manifest))
		return put("sha256:"+hex.EncodeToString(sum[:]), mediaType, manifest)
	}
	manifestOf := func(key, more string) string {
		return byDigest(oneManifest, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%064x","size":9},"layers":[],"annotations":{"key":%q}%s}`,
			oneManifest, 1, key, more))
	}
	for n := range releases {
		clock = clock.Add(time.Hour)
		var entries []string
		for _, arch := range []string{"amd64", "arm64", "riscv64"} {
			img := manifestOf(fmt.Sprint(arch, "-", n), "")
			about := manifestOf(fmt.Sprint("about-", arch, "-", n), "")
			entries = append(entries,
				fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":400,"platform":{"os":"linux","architecture":%q}}`, oneManifest, img, arch),
				fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":400,"platform":{"os":"unknown","architecture":"unknown"},"annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":%q}}`, oneManifest, about, img))
		}
		index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oneIndex, strings.Join(entries, ","))
		digest := byDigest(oneIndex, index)
		tag := fmt.Sprintf("1.%d.0", n)
		if n%3 == 0 {
			tag = "nightly"
		}
		put(tag, oneIndex, index)
		entries = nil
		for _, kind := range []string{"signature", "sbom"} {
			referrer := manifestOf(fmt.Sprint(kind, "-", n), fmt.Sprintf(`,"artifactType":"application/vnd.%s","subject":{"mediaType":%q,"digest":%q,"size":9}`, kind, oneIndex, digest))
			entries = append(entries, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":400,"artifactType":"application/vnd.%s"}`, oneManifest, referrer, kind))
		}
		put(strings.Replace(digest, ":", "-", 1), oneIndex, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oneIndex, strings.Join(entries, ",")))
	}
	server, err := github.New(github.Options{
		Repository: "acme/hello", Commit: strings.Repeat("0", 40), Packages: front.Packages(), RateLimit: 1 << 30,
		Tokens: []github.Token{{Value: token, Write: true}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	hosts := loopback{}
	for host, handler := range map[string]http.Handler{"ghcr.io": c.ghcr.wrap(front), "api.github.com": c.api.wrap(server.API())} {
		s := httptest.NewServer(handler)
		tb.Cleanup(s.Close)
		hosts[host] = strings.TrimPrefix(s.URL, "http://")
	}
	rt := transport.New(transport.Options{Base: hosts, RetryFor: -1, UserAgent: "test"})
	client, err := registry.New(registry.Credentials{GitHubToken: token}, registry.Options{Transport: rt})
	if err != nil {
		tb.Fatal(err)
	}
	gh, err := ghapi.New(ghapi.Options{Token: token, Transport: rt})
	if err != nil {
		tb.Fatal(err)
	}
	c.Registries = registries.New(registries.Options{Registry: client, GitHub: gh})
	return c
}

func (c *crowd) plan(tb testing.TB) retention.Plan {
	tb.Helper()
	repo, err := image.ParseRepository("ghcr.io/acme/hello")
	if err != nil {
		tb.Fatal(err)
	}
	inv, err := c.List(tb.Context(), repo)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := retention.New(inv, retention.Policy{Rules: []retention.Rule{{Untagged: true, KeepNewest: 10}}}, nil, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestRequestsOfAPlan counts what a plan costs: the pages of GitHub's listing,
// and one read of each index. (The indexes without a tag are read in parts, at
// once, and at the seams an image may be read before its index.)
func TestRequestsOfAPlan(t *testing.T) {
	t.Parallel()
	const releases, seams = 90, 16
	c := newCrowd(t, releases)
	p := c.plan(t)
	if len(p.Decisions) != c.versions || len(p.Deletions()) == 0 {
		t.Errorf("%d of %d versions go, want some of %d", len(p.Deletions()), len(p.Decisions), c.versions)
	}
	if pages, calls := c.versions/100, len(c.api.all()); calls != pages+3 { // the package before all, before the pages, and after
		t.Errorf("%d calls of the API for %d pages", calls, pages)
	}
	reads := map[string]int{}
	for _, request := range c.ghcr.all() {
		if method, reference, ok := strings.Cut(request, " /v2/acme/hello/manifests/"); ok && method == http.MethodGet {
			if reads[reference]++; reads[reference] > 1 {
				t.Errorf("%s was read %d times", reference, reads[reference])
			}
		}
	}
	if len(reads) < c.indexes || len(reads) > c.indexes+seams {
		t.Errorf("%d manifests were read, of %d indexes among %d versions", len(reads), c.indexes, c.versions)
	}
}

// BenchmarkPlan makes the inventory and the plan of a package on loopback.
func BenchmarkPlan(b *testing.B) {
	for _, releases := range []int{100, 1000} {
		b.Run(fmt.Sprintf("%d versions", releases*10), func(b *testing.B) {
			c := newCrowd(b, releases)
			b.ReportAllocs()
			for b.Loop() {
				if p := c.plan(b); len(p.Decisions) != c.versions {
					b.Fatalf("%d versions", len(p.Decisions))
				}
			}
		})
	}
}
