package buildpush

import (
	"context"
	"fmt"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// readBack reads the image from where it went, and sees to it that it is of
// the platforms that were asked for. It returns them in that order.
func readBack(ctx context.Context, cfg Config, digest image.Digest, layout string, client *registry.Client) (manifests []registry.PlatformManifest, err error) {
	if layout != "" {
		manifests, err = readLayout(layout, digest)
	} else {
		manifests, err = client.ReadBack(ctx, cfg.repositories(), digest, cfg.RetryFor)
	}
	if err != nil {
		return nil, err
	}
	if manifests, err = registry.InOrder(manifests, cfg.Platforms); err != nil {
		return nil, fmt.Errorf("image %q: %w", digest, err)
	}
	return manifests, nil
}

func readLayout(dir string, digest image.Digest) ([]registry.PlatformManifest, error) {
	layout, err := registry.OpenLayout(dir)
	if err != nil {
		return nil, err
	}
	if layout.Digest != digest {
		return nil, fmt.Errorf("the OCI layout %q holds %q, and %q was built", dir, layout.Digest, digest)
	}
	return layout.Platforms()
}
