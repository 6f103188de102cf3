//go:build e2e

package rehearsal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	predicate  = "dev.sigstore.bundle.predicateType"
)

// forger copies a release into another repository, with one piece of its
// evidence changed by a byte.
type forger struct {
	options []remote.Option
}

func newForger(tb testing.TB, host string) *forger {
	tb.Helper()
	auth := authn.AuthConfig{Username: "octocat", Password: world.Env["GITHUB_TOKEN"]}
	if host == "docker.io" {
		auth = authn.AuthConfig{Username: world.Env["DOCKERHUB_USERNAME"], Password: world.Env["DOCKERHUB_TOKEN"]}
	}
	transport, err := world.Transport()
	if err != nil {
		tb.Fatal(err)
	}
	return &forger{options: []remote.Option{
		remote.WithContext(tb.Context()), remote.WithTransport(transport), remote.WithAuth(authn.FromConfig(auth)),
	}}
}

// copy puts the index of from, and all evidence of it and its platforms, into
// the repository to under tag. Evidence of predicate type forged has a byte
// changed.
func (f *forger) copy(t *testing.T, from, to, tag, forged string) {
	t.Helper()
	source, target, subjects := f.copyImage(t, from, to, tag)
	changed := 0
	for _, subject := range subjects {
		changed += f.copyEvidence(t, source, target, subject, forged)
	}
	if changed == 0 {
		t.Fatalf("%s has no evidence of type %s", from, forged)
	}
}

// copyImage puts the index of from alone into the repository to under tag. It
// returns both repositories, and the digests of the index and what is in it.
func (f *forger) copyImage(t *testing.T, from, to, tag string) (source, target name.Repository, subjects []v1.Hash) {
	t.Helper()
	ref, err := name.ParseReference(from)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref, f.options...)
	if err != nil {
		t.Fatal(err)
	}
	target, subjects = f.push(t, index, to, tag)
	return ref.Context(), target, subjects
}

// push puts an index into the repository to under tag.
func (f *forger) push(t *testing.T, index v1.ImageIndex, to, tag string) (target name.Repository, subjects []v1.Hash) {
	t.Helper()
	target, err := name.NewRepository(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(target.Tag(tag), index, f.options...); err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	subjects = []v1.Hash{digest}
	for _, child := range manifest.Manifests {
		subjects = append(subjects, child.Digest)
	}
	return target, subjects
}

// evidence is a bundle, and how it is attached.
type evidence struct {
	annotations map[string]string
	bundle      []byte
}

// evidence returns the bundles that refer to subject.
func (f *forger) evidence(t *testing.T, source name.Repository, subject v1.Hash) (all []evidence) {
	t.Helper()
	referrers, err := remote.Referrers(source.Digest(subject.String()), f.options...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := referrers.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list.Manifests {
		image, err := remote.Image(source.Digest(entry.Digest.String()), f.options...)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := image.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if manifest.Annotations[predicate] == "" {
			continue // BuildKit's attestations refer to their image, too
		}
		layers, err := image.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		content, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, evidence{manifest.Annotations, bundle})
	}
	return all
}

func (f *forger) copyEvidence(t *testing.T, source, target name.Repository, subject v1.Hash, forged string) int {
	t.Helper()
	described, err := remote.Head(target.Digest(subject.String()), f.options...)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, e := range f.evidence(t, source, subject) {
		if e.annotations[predicate] == forged {
			e.bundle = flip(t, e.bundle)
			changed++
		}
		f.attach(t, target, *described, e.annotations, e.bundle)
	}
	return changed
}

func (f *forger) attach(t *testing.T, target name.Repository, subject v1.Descriptor, annotations map[string]string, bundle []byte) {
	t.Helper()
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, bundleType)
	image, err := mutate.AppendLayers(image, static.NewLayer(bundle, bundleType))
	if err != nil {
		t.Fatal(err)
	}
	annotated, ok := mutate.Annotations(image, annotations).(v1.Image)
	if !ok {
		t.Fatal("no image")
	}
	final, ok := mutate.Subject(annotated, subject).(v1.Image)
	if !ok {
		t.Fatal("no image")
	}
	digest, err := final.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(target.Digest(digest.String()), final, f.options...); err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte of the payload that a bundle's signature covers, so
// that it stays well-formed JSON.
func flip(t *testing.T, bundle []byte) []byte {
	t.Helper()
	var b struct {
		Envelope struct{ Payload string } `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil || b.Envelope.Payload == "" {
		t.Fatalf("no envelope in the bundle: %v", err)
	}
	payload, err := base64.StdEncoding.DecodeString(b.Envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	// A byte inside the predicate's own text, well behind the subject.
	at := bytes.LastIndexAny(payload, "abcdefghijklmnopqrstuvwxy")
	payload[at]++
	forged := bytes.Replace(bundle, []byte(b.Envelope.Payload), []byte(base64.StdEncoding.EncodeToString(payload)), 1)
	if bytes.Equal(forged, bundle) {
		t.Fatal("nothing was changed")
	}
	return forged
}

type asset struct {
	Name string
	Size int
	URL  string `json:"browser_download_url"`
}

type githubRelease struct {
	ID         int64
	TagName    string `json:"tag_name"`
	Draft      bool
	Prerelease bool
	Body       string
	Assets     []asset
}

// releases lists what the GitHub stand-in holds, drafts included.
func releases(t *testing.T) (found []githubRelease) {
	t.Helper()
	if err := world.Get(t.Context(), "https://api.github.com/repos/acme/hello/releases?per_page=100", &found); err != nil {
		t.Fatal(err)
	}
	return found
}
