package buildpush

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
)

// part is the image for one platform.
type part struct {
	registry.PlatformManifest
	layers int64 // the size of all layers together, compressed, in bytes
}

// readBack reads the image from where it went, and sees to it that it is of
// the platforms that were asked for. It returns them in that order.
func readBack(ctx context.Context, cfg Config, digest image.Digest, dir string, client *registry.Client) ([]part, error) {
	var manifests []registry.PlatformManifest
	var open func(image.Digest) (v1.Image, error)
	var err error
	if dir == "" {
		repos := cfg.repositories()
		manifests, err = client.ReadBack(ctx, repos, digest, cfg.RetryFor)
		open = func(d image.Digest) (v1.Image, error) { return client.Image(ctx, repos[0].Pin(d)) }
	} else {
		var layout *registry.Layout
		if layout, err = openLayout(dir, digest); err == nil {
			manifests, err = layout.Platforms()
			open = layout.Image
		}
	}
	if err != nil {
		return nil, err
	}
	if manifests, err = registry.InOrder(manifests, cfg.Platforms); err != nil {
		return nil, fmt.Errorf("image %q: %w", digest, err)
	}
	parts := make([]part, len(manifests))
	return parts, parallel.Each(manifests, func(i int, m registry.PlatformManifest) error {
		parts[i].PlatformManifest = m
		img, err := open(m.Digest)
		if err != nil {
			return err
		}
		manifest, err := img.Manifest()
		if err != nil {
			return fmt.Errorf("image %q: %w", m.Digest, err)
		}
		for _, layer := range manifest.Layers {
			parts[i].layers += layer.Size
		}
		return nil
	})
}

func openLayout(dir string, digest image.Digest) (*registry.Layout, error) {
	layout, err := registry.OpenLayout(dir)
	if err == nil && layout.Digest != digest {
		err = fmt.Errorf("the OCI layout %q holds %q, and %q was built", dir, layout.Digest, digest)
	}
	return layout, err
}
