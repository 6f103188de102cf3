package evidencetest

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/image"
)

// Build puts in the place of the world's image one that BuildKit could have
// built: with a statement about each platform's image, by its place in
// Platforms, in an attestation manifest of the index.
//
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
func (w *World) Build(tb testing.TB, statement func(n int) (predicateType string, text []byte)) {
	tb.Helper()
	for n, r := range w.Registries {
		w.Digests = r.pushBuild(tb, statement)
		w.Images[n] = r.Repository.Pin(w.Digests[0])
	}
}

func (r *Registry) pushBuild(tb testing.TB, statement func(n int) (predicateType string, text []byte)) []image.Digest {
	tb.Helper()
	index, digests := r.putPlatforms(tb, Platforms)
	for n, d := range digests {
		predicateType, text := statement(n)
		layer := r.putBlob(tb, text)
		layer.MediaType, layer.Annotations = "application/vnd.in-toto+json", map[string]string{"in-toto.io/predicate-type": predicateType}
		config := r.putBlob(tb, []byte(`{"os":"unknown","architecture":"unknown"}`))
		config.MediaType = types.OCIConfigJSON
		m := r.putManifest(tb, v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{layer}}, types.OCIManifestSchema1)
		m.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
		m.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": string(d)}
		index.Manifests = append(index.Manifests, m)
	}
	return append([]image.Digest{image.Digest(r.putManifest(tb, index, types.OCIImageIndex).Digest.String())}, digests...)
}
