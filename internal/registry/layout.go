package registry

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Layout is an OCI layout with one image in it: a folder as BuildKit writes it
// where the image isn't pushed.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
type Layout struct {
	// Digest is the image's: of an index, mostly.
	Digest image.Digest
	// Repositories are the names that the image would have, as its builder
	// wrote them; none where it didn't.
	Repositories []image.Repository

	path layout.Path
}

// nameAnnotation holds the full name of an image in a layout; the
// specification's own annotation is for tags alone.
//
// https://github.com/containerd/containerd/blob/v2.0.0/pkg/reference/reference.go
const nameAnnotation = "io.containerd.image.name"

// OpenLayout opens the OCI layout in the folder dir.
func OpenLayout(dir string) (*Layout, error) {
	l, err := openLayout(dir)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("read the OCI layout %q: %w", dir, err), "name a folder that a build wrote with \"type=oci,dest=…,tar=false\"")
	}
	return l, nil
}

func openLayout(dir string) (*Layout, error) {
	path, err := layout.FromPath(dir)
	if err != nil {
		return nil, err
	}
	root, err := path.ImageIndex()
	if err != nil {
		return nil, err
	}
	index, err := root.IndexManifest()
	if err != nil {
		return nil, err
	}
	l := &Layout{path: path}
	for _, d := range index.Manifests {
		digest := image.Digest(d.Digest.String())
		if l.Digest != "" && l.Digest != digest {
			return nil, errors.New("it holds several images")
		}
		l.Digest = digest
		if name := d.Annotations[nameAnnotation]; name != "" {
			ref, err := image.ParseRef(name)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(l.Repositories, ref.Repository) {
				l.Repositories = append(l.Repositories, ref.Repository)
			}
		}
	}
	if l.Digest == "" {
		return nil, errors.New("it holds no image")
	}
	return l, nil
}

// Platforms returns the image manifests in the layout, as Client.Platforms does.
func (l *Layout) Platforms() ([]PlatformManifest, error) {
	platforms, err := l.platforms(l.Digest)
	if err != nil {
		return nil, fmt.Errorf("read the OCI layout: %w", err)
	}
	return platforms, nil
}

func (l *Layout) platforms(digest image.Digest) ([]PlatformManifest, error) {
	raw, mediaType, err := l.manifest(digest)
	if err != nil {
		return nil, err
	}
	if !mediaType.IsIndex() {
		img, err := l.Image(digest)
		if err != nil {
			return nil, err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		platform, err := parsePlatform(config.OS, config.Architecture, config.Variant)
		return []PlatformManifest{{Platform: platform, Digest: digest, Size: int64(len(raw))}}, err
	}
	return walkIndex(raw, l.platforms)
}

// manifest returns the bytes of a manifest or index, which have the digest.
func (l *Layout) manifest(digest image.Digest) ([]byte, types.MediaType, error) {
	hash, err := v1.NewHash(string(digest))
	if err != nil {
		return nil, "", err
	}
	raw, err := l.path.Bytes(hash)
	if err != nil {
		return nil, "", err
	}
	if sum, _, err := v1.SHA256(bytes.NewReader(raw)); err != nil || sum != hash {
		return nil, "", errors.Join(err, fmt.Errorf("the bytes of %s have the digest %s", hash, sum))
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, "", err
	}
	return raw, m.MediaType, nil
}

// Image returns the layout's one image, or one of those in its index. Layers
// are read when they are asked for.
func (l *Layout) Image(digest image.Digest) (v1.Image, error) {
	index, err := l.path.ImageIndex()
	if err != nil {
		return nil, err
	}
	if digest != l.Digest {
		top, err := v1.NewHash(string(l.Digest))
		if err != nil {
			return nil, err
		}
		if index, err = index.ImageIndex(top); err != nil {
			return nil, err
		}
	}
	hash, err := v1.NewHash(string(digest))
	if err != nil {
		return nil, err
	}
	return index.Image(hash)
}
