package sbom

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// source is where an image is read: a registry, an OCI layout, or an archive.
type source interface {
	// subject is the image, whose repository is zero where nothing names it.
	subject() image.Pinned
	platforms(ctx context.Context) ([]registry.PlatformManifest, error)
	// open returns the image of one platform. Its layers have their digests.
	open(ctx context.Context, digest image.Digest) (v1.Image, error)
}

// newSource returns the source that cfg names.
func newSource(cfg Config, d Deps) (source, error) {
	switch {
	case cfg.Layout != "":
		layout, err := registry.OpenLayout(cfg.Layout)
		if err != nil {
			return nil, fmt.Errorf("input \"layout\": %w", err)
		}
		return local{layout}, nil
	case cfg.Archive != "":
		layout, err := registry.OpenArchive(cfg.Archive)
		if err != nil {
			return nil, fmt.Errorf("input \"archive\": %w", err)
		}
		return local{layout}, nil
	}
	return remote{cfg.Images[0], d.Registry}, nil
}

type remote struct {
	image  image.Pinned
	client *registry.Client
}

func (r remote) subject() image.Pinned { return r.image }

func (r remote) platforms(ctx context.Context) ([]registry.PlatformManifest, error) {
	return r.client.Platforms(ctx, r.image)
}

func (r remote) open(ctx context.Context, digest image.Digest) (v1.Image, error) {
	return r.client.Image(ctx, r.image.Repository.Pin(digest))
}

type local struct{ layout *registry.Layout }

func (l local) subject() image.Pinned {
	p := image.Pinned{Digest: l.layout.Digest}
	if len(l.layout.Repositories) > 0 {
		p.Repository = l.layout.Repositories[0]
	}
	return p
}

func (l local) platforms(context.Context) ([]registry.PlatformManifest, error) {
	return l.layout.Platforms()
}

func (l local) open(_ context.Context, digest image.Digest) (v1.Image, error) {
	return l.layout.Image(digest)
}
