package merge

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// TestIndexIsWrittenAsBuildKitWritesIt takes apart an index that BuildKit 0.34.2
// pushed, with annotations of two levels and provenance, and puts it together.
func TestIndexIsWrittenAsBuildKitWritesIt(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/buildkit.json")
	if err != nil {
		t.Fatal(err)
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	images := len(index.Manifests) / 2 // each has one attestation, behind all images
	var parts, bare []part
	for n, d := range index.Manifests[:images] {
		p := image.Platform{OS: d.Platform.OS, Arch: d.Platform.Architecture, Variant: d.Platform.Variant}
		parts = append(parts, part{Entry: registry.Entry{Platform: p, Descriptor: d, Attestations: index.Manifests[images+n : images+n+1]}})
		d.Annotations = nil // as those of a build that pushed no index
		bare = append(bare, part{Entry: registry.Entry{Platform: p, Descriptor: d, Attestations: index.Manifests[images+n : images+n+1]}})
	}
	var annotations Annotations
	if err := annotations.UnmarshalText([]byte("index:org.opencontainers.image.description=Says hello\nmanifest-descriptor:org.example.level=descriptor")); err != nil {
		t.Fatal(err)
	}
	for name, parts := range map[string][]part{"builds that pushed an index": parts, "builds that pushed an image": bare} {
		m, err := assemble(parts, annotations)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(m.Raw)); diff != "" {
			t.Errorf("%s (-BuildKit +merge):\n%s", name, diff)
		}
		if m.Digest != "sha256:b9fecc94f7014775b46ddf6c206f54bdd90315021743b56e81336ac3a5c7ba29" || m.MediaType != string(index.MediaType) {
			t.Errorf("%s: %s of type %s", name, m.Digest, m.MediaType)
		}
	}
}
