package devstack

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageCache keeps images that builds are based on, each as an OCI layout. An
// image is a function of its key alone, so that layer caches hit between worlds.
type imageCache struct {
	dir string
	log io.Writer
}

// get returns the layout of the image of that key, and makes it where there is none.
func (c *imageCache) get(key string, make func(*image) error) (dir string, err error) {
	return c.layout(key, func(dir string) error {
		img := &image{
			Image:   mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
			scratch: filepath.Dir(dir),
		}
		if err := make(img); err != nil {
			return err
		}
		path, err := layout.Write(dir, empty.Index)
		if err != nil {
			return err
		}
		return path.AppendImage(img.Image)
	})
}

// layout returns the layout of that key, and has write make it where there is
// none, in a folder that has nothing else.
func (c *imageCache) layout(key string, write func(dir string) error) (dir string, err error) {
	sum := sha256.Sum256([]byte(key))
	dir = filepath.Join(c.dir, hex.EncodeToString(sum[:])[:16])
	if isDir(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(c.dir, ".making-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a left-over in a cache
	if err := write(filepath.Join(tmp, "layout")); err != nil {
		return "", err
	}
	return dir, os.Rename(filepath.Join(tmp, "layout"), dir)
}

// openImage returns the one image of a layout, or the one index of images.
func openImage(dir string) (remote.Taggable, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%q holds %d images, not one: remove it", dir, len(manifest.Manifests))
	}
	if one := manifest.Manifests[0]; one.MediaType.IsIndex() {
		return index.ImageIndex(one.Digest)
	}
	return index.Image(manifest.Manifests[0].Digest)
}

// image is an image being made.
type image struct {
	v1.Image
	scratch string
}

// configure sets the image's configuration for this machine's platform.
func (i *image) configure(config v1.Config) error {
	file, err := i.ConfigFile()
	if err != nil {
		return err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", runtime.GOARCH, config
	i.Image, err = mutate.ConfigFile(i.Image, file)
	return err
}

// layer adds a layer with what write puts into the archive.
func (i *image) layer(write func(*archive) error) error {
	file, err := os.CreateTemp(i.scratch, "layer-")
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // closed below when all went well
	a := &archive{tar.NewWriter(file)}
	if err := errors.Join(write(a), a.Close(), file.Close()); err != nil {
		return err
	}
	layer, err := tarball.LayerFromFile(file.Name(), tarball.WithCompressionLevel(gzip.BestSpeed),
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return err
	}
	i.Image, err = mutate.AppendLayers(i.Image, layer)
	return err
}
