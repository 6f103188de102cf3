package merge

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
)

// world is two registries, the second without the Referrers API, and what a job
// knows that merges linux/amd64, linux/arm64 and linux/arm/v7.
type world struct {
	*evidencetest.World
	t    *testing.T
	cfg  Config
	deps Deps
	log  strings.Builder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: evidencetest.New(t), t: t}
	w.cfg = Config{
		Images: image.Repositories(w.Images), Platforms: evidencetest.Platforms,
		RetryFor: time.Second,
	}
	w.deps = Deps{Registry: w.Client, Log: slog.New(slog.NewTextHandler(&w.log, nil))}
	return w
}

// give adds the digests to the input.
func (w *world) give(lines ...string) {
	w.t.Helper()
	for _, line := range lines {
		var s Source
		if err := s.UnmarshalText([]byte(line)); err != nil {
			w.t.Fatal(err)
		}
		w.cfg.Digests = append(w.cfg.Digests, s)
	}
}

// push stores an image or an index in the first n registries, or in all where 0.
func (w *world) push(what remote.Taggable, n int) string {
	w.t.Helper()
	digest := w.digestOf(what)
	if n == 0 {
		n = len(w.cfg.Images)
	}
	for _, repo := range w.cfg.Images[:n] {
		ref, err := name.NewDigest(repo.Pin(image.Digest(digest)).String())
		if err != nil {
			w.t.Fatal(err)
		}
		if err := remote.Push(ref, what, remote.WithContext(w.t.Context())); err != nil {
			w.t.Fatal(err)
		}
	}
	return digest
}

func (w *world) digestOf(what remote.Taggable) string {
	w.t.Helper()
	digest, err := what.(interface{ Digest() (v1.Hash, error) }).Digest()
	if err != nil {
		w.t.Fatal(err)
	}
	return digest.String()
}

// plain is the image for a platform, the same one each time.
func (w *world) plain(platform string) v1.Image {
	w.t.Helper()
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		w.t.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer([]byte(strings.Repeat(platform, 200)), types.OCILayer))
	if err != nil {
		w.t.Fatal(err)
	}
	img, err = mutate.ConfigFile(mutate.ConfigMediaType(img, types.OCIConfigJSON), &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant})
	if err != nil {
		w.t.Fatal(err)
	}
	return img
}

// attested is an index of the images for the platforms, each with an
// attestation, as a build with provenance pushes it.
func (w *world) attested(platforms ...string) v1.ImageIndex {
	w.t.Helper()
	var images, attestations []mutate.IndexAddendum
	for _, platform := range platforms {
		img := w.plain(platform)
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			w.t.Fatal(err)
		}
		images = append(images, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: p}})
		attestations = append(attestations, w.attestation(platform, w.digestOf(img)))
	}
	return mutate.IndexMediaType(mutate.AppendManifests(empty.Index, append(images, attestations...)...), types.OCIImageIndex)
}

func (w *world) attestation(about, subject string) mutate.IndexAddendum {
	w.t.Helper()
	img, err := mutate.AppendLayers(w.plain("unknown/unknown"), static.NewLayer([]byte(about), "application/vnd.in-toto+json"))
	if err != nil {
		w.t.Fatal(err)
	}
	return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject},
	}}
}
