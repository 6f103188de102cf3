package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Layout is an OCI layout with one image in it: a folder as BuildKit writes it
// where the image isn't pushed, or an archive of one.
//
// Nobody has looked at a layout before it is read: every byte is held against
// its digest, and what is read as a whole has a bound.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
type Layout struct {
	// Digest is the image's: of an index, mostly.
	Digest image.Digest
	// Repositories are the names that the image would have, as its builder
	// wrote them; none where it didn't.
	Repositories []image.Repository

	files fs.FS
	saved v1.Image // the one image of an archive that has no manifest for it
}

// nameAnnotation holds the full name of an image in a layout; the
// specification's own annotation is for tags alone.
//
// https://github.com/containerd/containerd/blob/v2.0.0/pkg/reference/reference.go
const nameAnnotation = "io.containerd.image.name"

// maxDocument bounds an index, a manifest or a config, in bytes: as registries
// bound manifests.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
const maxDocument = 4 << 20

// OpenLayout opens the OCI layout in the folder dir.
func OpenLayout(dir string) (*Layout, error) {
	l, err := openLayout(dir)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("read the OCI layout %q: %w", dir, err), "name a folder that a build wrote with \"type=oci,dest=…,tar=false\"")
	}
	return l, nil
}

func openLayout(dir string) (*Layout, error) {
	root, err := os.OpenRoot(dir) // a link can't lead out of it
	if err != nil {
		return nil, err
	}
	return newLayout(root.FS())
}

// newLayout returns the layout that files has index.json of.
func newLayout(files fs.FS) (*Layout, error) {
	raw, err := readFile(files, "index.json")
	if err != nil {
		return nil, err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	l := &Layout{files: files}
	for _, d := range index.Manifests {
		digest, err := image.ParseDigest(d.Digest.String())
		if err != nil {
			return nil, err
		}
		if l.Digest != "" && l.Digest != digest {
			return nil, errors.New("it holds several images")
		}
		l.Digest = digest
		if err := l.name(d.Annotations[nameAnnotation]); err != nil {
			return nil, err
		}
	}
	if l.Digest == "" {
		return nil, errors.New("it holds no image")
	}
	return l, nil
}

// name adds the repository of ref, where there is a ref.
func (l *Layout) name(text string) error {
	if text == "" {
		return nil
	}
	ref, err := image.ParseRef(text)
	if err != nil {
		return err
	}
	if !slices.Contains(l.Repositories, ref.Repository) {
		l.Repositories = append(l.Repositories, ref.Repository)
	}
	return nil
}

// Platforms returns the image manifests in the layout, as Client.Platforms does.
func (l *Layout) Platforms() ([]PlatformManifest, error) {
	platforms, err := l.platforms(l.Digest, map[image.Digest]bool{})
	if err != nil {
		return nil, fmt.Errorf("read the OCI layout: %w", err)
	}
	return platforms, nil
}

// platforms looks at each manifest once: indexes may nest, and each may list
// the next one twice.
func (l *Layout) platforms(digest image.Digest, seen map[image.Digest]bool) ([]PlatformManifest, error) {
	if seen[digest] {
		return nil, nil
	}
	seen[digest] = true
	var raw []byte
	if l.saved == nil {
		var mediaType types.MediaType
		var err error
		if raw, mediaType, err = l.manifest(digest); err != nil {
			return nil, err
		}
		if mediaType.IsIndex() {
			return walkIndex(raw, func(child image.Digest) ([]PlatformManifest, error) { return l.platforms(child, seen) })
		}
	}
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

// manifest returns the bytes of a manifest or index, which have the digest.
func (l *Layout) manifest(digest image.Digest) ([]byte, types.MediaType, error) {
	raw, err := l.document(digest)
	if err != nil {
		return nil, "", err
	}
	var m struct {
		MediaType types.MediaType   `json:"mediaType"` // which the specification doesn't ask for
		Manifests []json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, "", fmt.Errorf("manifest %s: %w", digest, err)
	}
	switch {
	case m.MediaType != "":
	case m.Manifests != nil:
		m.MediaType = types.OCIImageIndex
	default:
		m.MediaType = types.OCIManifestSchema1
	}
	return raw, m.MediaType, nil
}

// document reads a blob that is held in memory.
func (l *Layout) document(digest image.Digest) ([]byte, error) {
	raw, err := readFile(l.files, blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s isn't there", digest)
	}
	if err != nil {
		return nil, err
	}
	if got := NewManifest("", raw).Digest; got != digest {
		return nil, fmt.Errorf("the bytes of %s have the digest %s", digest, got)
	}
	return raw, nil
}

func blobPath(digest image.Digest) string { return path.Join("blobs", "sha256", digest.Hex()) }

// Image returns the layout's one image, or one of those in its index. Layers
// are read when they are asked for, and held against their digests.
func (l *Layout) Image(digest image.Digest) (v1.Image, error) {
	if l.saved != nil {
		return l.saved, nil
	}
	raw, mediaType, err := l.manifest(digest)
	if err != nil {
		return nil, err
	}
	if !mediaType.IsImage() {
		return nil, fmt.Errorf("%s is of type %s, not one image", digest, mediaType)
	}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", digest, err)
	}
	named, err := image.ParseDigest(m.Config.Digest.String())
	if err != nil {
		return nil, fmt.Errorf("manifest %s: config: %w", digest, err)
	}
	config, err := l.document(named)
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(&storedImage{l.files, mediaType, raw, config, m.Layers})
}
