package registry

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Whatever a fallback tag holds: what is added is listed, and all else stays.
func FuzzListIn(f *testing.F) {
	const digest = "sha256:" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	f.Add([]byte(nil))
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`))
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","x":1,"manifests":[{"digest":"` + digest + `","artifactType":"b"},{"digest":"sha256:` + strings.Repeat("b", 64) + `","y":[2]}]}`))
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"Manifests":[{"digest":"` + digest + `"}]}`))
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":null}`))
	entry := v1.Descriptor{MediaType: types.OCIManifestSchema1, Size: 7, Digest: v1.Hash{Algorithm: "sha256", Hex: strings.TrimPrefix(digest, "sha256:")}, ArtifactType: "a"}
	f.Fuzz(func(t *testing.T, raw []byte) {
		next, err := listIn(Manifest{MediaType: "text/plain", Raw: raw}, []v1.Descriptor{entry})
		if err != nil {
			return
		}
		now := raw
		if next != nil {
			now = next.Raw
		}
		index, err := parseIndex(now)
		if err != nil {
			t.Fatalf("%s became %s: %v", raw, now, err)
		}
		if !slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Digest == entry.Digest && d.ArtifactType == "a" }) {
			t.Fatalf("%s became %s, which does not list it", raw, now)
		}
		var before struct{ Manifests []v1.Descriptor }
		if raw != nil && json.Unmarshal(raw, &before) == nil && len(index.Manifests) < len(before.Manifests) {
			t.Fatalf("%s became %s, which lists less", raw, now)
		}
		if again, err := listIn(Manifest{Raw: now}, []v1.Descriptor{entry}); again != nil || err != nil {
			t.Fatalf("%s is changed once more, %v", now, err)
		}
	})
}

// Whatever cosign's tag holds: what is added is behind what was there.
func FuzzLayersIn(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:` + strings.Repeat("a", 64) + `"},"layers":[{"digest":"sha256:` + strings.Repeat("b", 64) + `","annotations":{"x":"y"},"z":1}]}`))
	f.Add([]byte(`{"layers":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		next, config, err := layersIn(Manifest{MediaType: string(types.OCIManifestSchema1), Raw: raw}, []Layer{layer("ours")})
		if err != nil || next == nil {
			return
		}
		before := items(raw, "layers")
		after := items(next.Raw, "layers")
		manifest, err := parseLayers(*next)
		if err != nil || len(after) != len(before)+1 || len(manifest.Layers) != len(after) {
			t.Fatalf("%s became %s, %v", raw, next.Raw, err)
		}
		if last := manifest.Layers[len(after)-1]; last.Digest != describe("", []byte("ours")).Digest || last.Annotations["is"] != "ours" || manifest.Config.Digest != describe("", config).Digest {
			t.Fatalf("%s became %s with the config %s", raw, next.Raw, config)
		}
		if again, _, err := layersIn(*next, []Layer{layer("ours")}); again != nil || err != nil {
			t.Fatalf("%s is changed once more, %v", next.Raw, err)
		}
	})
}
