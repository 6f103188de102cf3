package registries_test

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/image"
)

// newImage returns an image like no other, which says when it was made.
func (w *world) newImage(arch string) v1.Image {
	w.t.Helper()
	img := must[v1.Image](w.t)(random.Image(64, 1))
	config := must[*v1.ConfigFile](w.t)(img.ConfigFile()).DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: w.Clock.Now()}
	img = must[v1.Image](w.t)(mutate.ConfigFile(img, config))
	return mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
}

// release is what a release leaves in a repository.
type release struct {
	index        v1.ImageIndex
	amd64, arm64 image.Digest
	attestation  image.Digest // BuildKit's, of amd64
	digest       image.Digest
	signature    image.Digest
}

// release pushes an index of two images, with an attestation manifest and a
// signature, under tags.
func (w *world) release(tags ...string) release {
	w.t.Helper()
	var r release
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		img := w.newImage(arch)
		d := image.Digest(must[v1.Hash](w.t)(img.Digest()).String())
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
		if arch == "arm64" {
			r.arm64 = d
			continue
		}
		r.amd64 = d
		attestation := w.newImage("unknown")
		r.attestation = image.Digest(must[v1.Hash](w.t)(attestation.Digest()).String())
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: attestation, Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": string(d)},
		}})
	}
	r.index = index
	r.digest = w.pushIndex(index, tags...)
	r.signature = w.sign(r.digest)
	return r
}

func (w *world) pushIndex(index v1.ImageIndex, tags ...string) image.Digest {
	w.t.Helper()
	digest := must[v1.Hash](w.t)(index.Digest()).String()
	for _, reference := range append([]string{digest}, tags...) {
		if err := remote.WriteIndex(w.ref(reference), index, w.remote...); err != nil {
			w.t.Fatal(err)
		}
	}
	return image.Digest(digest)
}

// sign pushes a signature, as ours is, with what its registry needs to list it.
func (w *world) sign(d image.Digest) image.Digest {
	w.t.Helper()
	subject := must[*v1.Descriptor](w.t)(remote.Head(w.ref(string(d)), w.remote...))
	img := mutate.MediaType(must[v1.Image](w.t)(random.Image(32, 1)), types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, "application/vnd.dev.sigstore.bundle.v0.3+json")
	img = mutate.Subject(img, *subject).(v1.Image)
	digest := must[v1.Hash](w.t)(img.Digest()).String()
	if err := remote.Write(w.ref(digest), img, w.remote...); err != nil {
		w.t.Fatal(err)
	}
	return image.Digest(digest)
}
