// Package evidencetest is the world of tests about evidence: an image for three
// platforms in two registries, one of which has the Referrers API and one has
// not, and a Sigstore instance.
package evidencetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/transport"
)

// Workflow is the job_workflow_ref of the job that signs.
const Workflow = "acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"

// Revision is the commit that the image is labelled with.
const Revision = "0123456789abcdef0123456789abcdef01234567"

// Platforms are those of the image.
var Platforms = []image.Platform{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"}, {OS: "linux", Arch: "arm", Variant: "v7"}}

// World is what a test has.
type World struct {
	Sigstore   *sigstoretest.Instance
	Registries []*Registry
	Client     *registry.Client
	Images     []image.Pinned // the index, in every registry
	Digests    []image.Digest // of the index, and of each platform's image
}

// Registry is a registry in memory, whose requests can be intercepted.
type Registry struct {
	Repository image.Repository

	mu        sync.Mutex
	intercept func(w http.ResponseWriter, r *http.Request) bool
	writes    int
	attached  int
	store     http.Handler
}

// Intercept has f answer requests in the place of the registry; where it
// returns false it left the request alone.
func (r *Registry) Intercept(f func(w http.ResponseWriter, r *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.intercept = f
}

// Writes returns how many requests asked for a change.
func (r *Registry) Writes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes
}

// Attached returns how many manifests were put: what is uploaded counts for nothing
// until one names it.
func (r *Registry) Attached() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attached
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		r.writes++
	}
	if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/") {
		r.attached++
	}
	intercept := r.intercept
	r.mu.Unlock()
	if intercept == nil || !intercept(w, req) {
		r.store.ServeHTTP(w, req)
	}
}

// New returns a world that ends with the test.
func New(tb testing.TB) *World {
	tb.Helper()
	client, err := registry.New(registry.Credentials{}, registry.Options{Transport: transport.New(transport.Options{RetryFor: -1})})
	if err != nil {
		tb.Fatal(err)
	}
	w := &World{Sigstore: sigstoretest.New(tb), Client: client}
	for _, referrers := range []bool{true, false} {
		r := newRegistry(tb, referrers)
		w.Registries = append(w.Registries, r)
		w.Digests = r.PushImage(tb, Platforms...)
		w.Images = append(w.Images, r.Repository.Pin(w.Digests[0]))
	}
	return w
}

func newRegistry(tb testing.TB, referrers bool) *Registry {
	tb.Helper()
	r := &Registry{store: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(referrers))}
	server := httptest.NewServer(r)
	tb.Cleanup(server.Close)
	var err error
	if r.Repository, err = image.ParseRepository(strings.TrimPrefix(server.URL, "http://") + "/acme/app"); err != nil {
		tb.Fatal(err)
	}
	return r
}

// PushImage stores an index with an image for each platform, and returns the
// digests of both, the index first. The same platforms give the same digests.
func (r *Registry) PushImage(tb testing.TB, platforms ...image.Platform) []image.Digest {
	tb.Helper()
	index, digests := r.putPlatforms(tb, platforms)
	return append([]image.Digest{image.Digest(r.putManifest(tb, index, types.OCIImageIndex).Digest.String())}, digests...)
}

// putPlatforms stores an image for each platform, and returns an index of them
// and their digests.
func (r *Registry) putPlatforms(tb testing.TB, platforms []image.Platform) (index v1.IndexManifest, digests []image.Digest) {
	tb.Helper()
	index = v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, p := range platforms {
		config := r.putBlob(tb, fmt.Appendf(nil,
			`{"os":%q,"architecture":%q,"variant":%q,"created":"2026-01-02T03:04:05Z","config":{"User":"65532","ExposedPorts":{"8080/tcp":{}},`+
				`"Entrypoint":["/app"],"Cmd":["serve"],"Labels":{"org.opencontainers.image.revision":%q}}}`, p.OS, p.Arch, p.Variant, Revision))
		config.MediaType = types.OCIConfigJSON
		layer := r.putBlob(tb, make([]byte, 1234))
		layer.MediaType = types.OCILayer
		d := r.putManifest(tb, v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{layer}}, types.OCIManifestSchema1)
		d.Platform = &v1.Platform{OS: p.OS, Architecture: p.Arch, Variant: p.Variant}
		index.Manifests = append(index.Manifests, d)
		digests = append(digests, image.Digest(d.Digest.String()))
	}
	return index, digests
}

func (r *Registry) putBlob(tb testing.TB, content []byte) v1.Descriptor {
	tb.Helper()
	d := describe(content)
	r.put(tb, http.MethodPost, "/v2/"+r.Repository.Path()+"/blobs/uploads/?digest="+d.Digest.String(), "application/octet-stream", content)
	return d
}

func (r *Registry) putManifest(tb testing.TB, manifest any, mediaType types.MediaType) v1.Descriptor {
	tb.Helper()
	content, err := json.Marshal(manifest)
	if err != nil {
		tb.Fatal(err)
	}
	d := describe(content)
	d.MediaType = mediaType
	r.put(tb, http.MethodPut, "/v2/"+r.Repository.Path()+"/manifests/"+d.Digest.String(), string(mediaType), content)
	return d
}

// Tag puts a tag on a manifest.
func (r *Registry) Tag(tb testing.TB, d image.Digest, tag string) {
	tb.Helper()
	req := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/v2/"+r.Repository.Path()+"/manifests/"+string(d), nil)
	w := httptest.NewRecorder()
	r.store.ServeHTTP(w, req)
	r.put(tb, http.MethodPut, "/v2/"+r.Repository.Path()+"/manifests/"+tag, w.Header().Get("Content-Type"), w.Body.Bytes())
}

// Replace changes the text of a manifest under a tag.
func (r *Registry) Replace(tb testing.TB, tag, before, after string) {
	tb.Helper()
	path := "/v2/" + r.Repository.Path() + "/manifests/" + tag
	w := httptest.NewRecorder()
	r.store.ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, path, nil))
	text := strings.Replace(w.Body.String(), before, after, 1)
	if text == w.Body.String() {
		tb.Fatalf("there is no %q in %s", before, text)
	}
	r.put(tb, http.MethodPut, path, w.Header().Get("Content-Type"), []byte(text))
}

func (r *Registry) put(tb testing.TB, method, path, mediaType string, content []byte) {
	tb.Helper()
	req := httptest.NewRequestWithContext(tb.Context(), method, path, bytes.NewReader(content))
	req.Header.Set("Content-Type", mediaType)
	w := httptest.NewRecorder()
	r.store.ServeHTTP(w, req)
	if w.Code != http.StatusCreated {
		tb.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

func describe(content []byte) v1.Descriptor {
	sum := sha256.Sum256(content)
	return v1.Descriptor{Size: int64(len(content)), Digest: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}}
}

// Publisher returns one that signs as workflow.
func (w *World) Publisher(tb testing.TB, workflow string) evidence.Publisher {
	tb.Helper()
	const retryFor = time.Second
	p, err := evidence.NewPublisher(tb.Context(), w.Client,
		sigstore.Instance{Trust: w.Trust(), SigningConfig: w.Sigstore.SigningConfig}, sigstoretest.Token(workflow), retryFor,
		sigstore.Options{Transport: transport.New(transport.Options{RetryFor: retryFor}), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// Opener returns a function that returns the publisher.
func (w *World) Opener(tb testing.TB, workflow string) func(context.Context) (evidence.Publisher, error) {
	tb.Helper()
	p := w.Publisher(tb, workflow)
	return func(context.Context) (evidence.Publisher, error) { return p, nil }
}

// Trust returns the input that names the instance.
func (w *World) Trust() sigstore.Trust { return sigstore.Trust{TrustedRoot: w.Sigstore.TrustedRoot} }

// Identity is that of certificates for Workflow.
func Identity() sigstore.Identity {
	return sigstore.Identity{Subject: sigstoretest.Subject(Workflow), Issuer: sigstoretest.Issuer}
}

// Bundles returns the bundles that are attached to d in registry n, with no
// regard to who signed them.
func (w *World) Bundles(tb testing.TB, n int, d image.Digest) [][]byte {
	tb.Helper()
	at := w.Registries[n].Repository.Pin(d)
	referrers, err := w.Client.Referrers(tb.Context(), at, sigstore.BundleMediaType)
	if err != nil {
		tb.Fatal(err)
	}
	var bundles [][]byte
	for _, d := range referrers {
		a, err := w.Client.Artifact(tb.Context(), at.Repository.Pin(d.Digest))
		if err != nil {
			tb.Fatal(err)
		}
		bundles = append(bundles, a.Content)
	}
	return bundles
}

// Attach attaches a bundle, or what should be none, to d in registry n.
func (w *World) Attach(tb testing.TB, n int, d image.Digest, predicateType string, content []byte) {
	tb.Helper()
	_, err := w.Client.Attach(tb.Context(), w.Registries[n].Repository.Pin(d), registry.Artifact{
		ArtifactType: sigstore.BundleMediaType, MediaType: sigstore.BundleMediaType, Content: content,
		Annotations: map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicateType},
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// SPDX returns an SPDX document about d.
func SPDX(d image.Digest) []byte {
	return fmt.Appendf(nil, `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"app",
 "documentNamespace":"https://example.com/%s","creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: test"]},
 "packages":[{"name":"app","SPDXID":"SPDXRef-image","downloadLocation":"NOASSERTION","externalRefs":[
  {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"%s"}]},
  {"name":"musl","SPDXID":"SPDXRef-musl","downloadLocation":"NOASSERTION"}],
 "relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-image"},
  {"spdxElementId":"SPDXRef-image","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-musl"}]}`, d.Hex(), purl(d))
}

// CycloneDX returns a CycloneDX document about d.
func CycloneDX(d image.Digest) []byte {
	return fmt.Appendf(nil, `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,
 "metadata":{"component":{"type":"container","name":"app","bom-ref":"image","purl":"%s"}},
 "components":[{"type":"library","name":"musl","bom-ref":"musl"}]}`, purl(d))
}

func purl(d image.Digest) string {
	return "pkg:oci/app@sha256%3A" + d.Hex() + "?arch=amd64&repository_url=ghcr.io%2Facme%2Fapp"
}
