package merge

import (
	"encoding/json"
	"fmt"
	"maps"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/release-actions/internal/registry"
)

// assemble returns the index of parts: their images in order, then the
// attestations of each in the same order. It is written as BuildKit writes one,
// so that the digest is that of a single build of the same images.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
// https://github.com/moby/buildkit/blob/v0.30.0/docs/attestations/attestation-storage.md
func assemble(parts []part, a Annotations) (registry.Manifest, error) {
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Annotations: a.ofIndex(),
	}
	for _, p := range parts {
		d := descriptor(p.Descriptor)
		d.Annotations = map[string]string{}
		maps.Copy(d.Annotations, p.Descriptor.Annotations)
		maps.Copy(d.Annotations, a.ofDescriptor(p.Platform))
		index.Manifests = append(index.Manifests, d)
	}
	for _, p := range parts {
		for _, d := range p.Attestations {
			index.Manifests = append(index.Manifests, descriptor(d))
		}
	}
	raw, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return registry.Manifest{}, fmt.Errorf("write the index: %w", err)
	}
	return registry.NewManifest(index.MediaType, raw), nil
}

// descriptor is d in the type whose fields have the order that BuildKit writes.
func descriptor(d v1.Descriptor) ocispec.Descriptor {
	same := ocispec.Descriptor{
		MediaType: string(d.MediaType), Digest: digest.Digest(d.Digest.String()), Size: d.Size,
		URLs: d.URLs, Annotations: d.Annotations, Data: d.Data, ArtifactType: d.ArtifactType,
	}
	if p := d.Platform; p != nil {
		same.Platform = &ocispec.Platform{
			OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
		}
	}
	return same
}
