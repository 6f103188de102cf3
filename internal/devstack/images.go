package devstack

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
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
	sum := sha256.Sum256([]byte(key))
	dir = filepath.Join(c.dir, hex.EncodeToString(sum[:])[:16])
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return dir, c.write(dir, make)
	}
	return dir, nil
}

// openImage returns the one image of a layout.
func openImage(dir string) (v1.Image, error) {
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
	return index.Image(manifest.Manifests[0].Digest)
}

func (c *imageCache) write(dir string, make func(*image) error) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(c.dir, ".making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a left-over in a cache
	img := &image{Image: mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), scratch: tmp}
	if err := make(img); err != nil {
		return err
	}
	path, err := layout.Write(filepath.Join(tmp, "layout"), empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendImage(img.Image); err != nil {
		return err
	}
	return os.Rename(filepath.Join(tmp, "layout"), dir)
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
