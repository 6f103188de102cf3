package sbom

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// source is where an image is read: a registry, or an OCI layout.
type source interface {
	// subject is the image, whose repository is zero where nothing names it.
	subject() image.Pinned
	platforms(ctx context.Context) ([]registry.PlatformManifest, error)
	// open returns the image of one platform. Its layers have their digests.
	open(ctx context.Context, digest image.Digest) (v1.Image, error)
}

// newSource returns the source that cfg names; temp is for what it keeps.
func newSource(cfg Config, d Deps, temp string) (source, error) {
	if cfg.Layout == "" {
		return remote{cfg.Images[0], d.Registry, newLayerStore(temp)}, nil
	}
	layout, err := registry.OpenLayout(cfg.Layout)
	if err != nil {
		return nil, fmt.Errorf("input \"layout\": %w", err)
	}
	return local{layout}, nil
}

type remote struct {
	image  image.Pinned
	client *registry.Client
	layers *layerStore
}

func (r remote) subject() image.Pinned { return r.image }

func (r remote) platforms(ctx context.Context) ([]registry.PlatformManifest, error) {
	return r.client.Platforms(ctx, r.image)
}

func (r remote) open(ctx context.Context, digest image.Digest) (v1.Image, error) {
	img, err := r.client.Image(ctx, r.image.Repository.Pin(digest))
	if err != nil {
		return nil, err
	}
	return r.layers.image(img), nil
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
	img, err := l.layout.Image(digest)
	if err != nil {
		return nil, err
	}
	return replaceLayers{img, checked}, nil
}

// replaceLayers is an image with each layer as replace makes it.
type replaceLayers struct {
	v1.Image
	replace func(v1.Layer) (v1.Layer, error)
}

// Layers implements v1.Image.
func (i replaceLayers) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	if err != nil {
		return nil, err
	}
	replaced := make([]v1.Layer, len(layers))
	for n, layer := range layers {
		if replaced[n], err = i.replace(layer); err != nil {
			return nil, err
		}
	}
	return replaced, nil
}

// checked returns a layer of a file, whose bytes are held against its digest
// while they are read: nobody has checked a file's.
func checked(layer v1.Layer) (v1.Layer, error) {
	digest, err := layer.Digest()
	if err != nil {
		return nil, err
	}
	return partial.CompressedToLayer(checkedLayer{layer, digest})
}

type checkedLayer struct {
	v1.Layer
	digest v1.Hash
}

// Compressed implements v1.Layer.
func (l checkedLayer) Compressed() (io.ReadCloser, error) {
	body, err := l.Layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("read layer %s: %w", l.digest, err)
	}
	return &checkedReader{ReadCloser: body, sum: sha256.New(), want: l.digest}, nil
}

type checkedReader struct {
	io.ReadCloser
	sum  hash.Hash
	want v1.Hash
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	_, _ = r.sum.Write(p[:n]) // a hash takes everything
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(r.sum.Sum(nil)); got != r.want.Hex {
			err = fmt.Errorf("the bytes of layer %s have the digest sha256:%s", r.want, got)
		}
	}
	return n, err
}
