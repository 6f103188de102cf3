package buildpush

import (
	"context"
	"fmt"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// readBack sees to it that every registry has the manifest, and that it is of
// the platforms that were asked for. It returns them in that order.
func readBack(ctx context.Context, cfg Config, digest image.Digest, client *registry.Client) ([]registry.PlatformManifest, error) {
	manifests, err := client.ReadBack(ctx, cfg.Images, digest, cfg.RetryFor)
	if err != nil {
		return nil, err
	}
	if manifests, err = registry.InOrder(manifests, cfg.Platforms); err != nil {
		return nil, fmt.Errorf("image %q: %w", digest, err)
	}
	return manifests, nil
}
