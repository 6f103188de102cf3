package registry

import (
	"bytes"
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/release-actions/internal/image"
)

// ImageSize returns what is downloaded to pull an image, in bytes: its config and
// its layers, as they are compressed, each once. p is the image of one platform: an
// index has no size of its own.
func (c *Client) ImageSize(ctx context.Context, p image.Pinned) (size int64, err error) {
	m, err := c.Manifest(ctx, p)
	if err != nil {
		return 0, err
	}
	parsed, err := v1.ParseManifest(bytes.NewReader(m.Raw))
	if err != nil {
		return 0, c.failRead("read", p.Repository, p, err)
	}
	counted := map[v1.Hash]bool{}
	for _, d := range append(parsed.Layers, parsed.Config) {
		if !counted[d.Digest] {
			counted[d.Digest] = true
			size += d.Size
		}
	}
	return size, nil
}
