package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/image"
)

// storedImage is an image whose layers are files. It implements
// partial.CompressedImageCore.
type storedImage struct {
	files            fs.FS
	mediaType        types.MediaType
	manifest, config []byte
	layers           []v1.Descriptor
}

func (i *storedImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *storedImage) RawManifest() ([]byte, error)        { return i.manifest, nil }
func (i *storedImage) RawConfigFile() ([]byte, error)      { return i.config, nil }

func (i *storedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range i.layers {
		if d.Digest == h {
			digest, err := image.ParseDigest(h.String())
			return storedLayer{i.files, blobPath(digest), d}, err
		}
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}

// storedLayer implements partial.CompressedLayer.
type storedLayer struct {
	files      fs.FS
	path       string
	descriptor v1.Descriptor
}

func (l storedLayer) Digest() (v1.Hash, error)            { return l.descriptor.Digest, nil }
func (l storedLayer) Size() (int64, error)                { return l.descriptor.Size, nil }
func (l storedLayer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }
func (l storedLayer) Descriptor() (*v1.Descriptor, error) { return &l.descriptor, nil }
func (l storedLayer) Compressed() (io.ReadCloser, error) {
	return openChecked(l.files, l.path, l.descriptor.Digest)
}

// openChecked opens the file of a layer, whose bytes must have the digest.
func openChecked(files fs.FS, path string, digest v1.Hash) (io.ReadCloser, error) {
	file, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("layer %s isn't there", digest)
	}
	if err != nil {
		return nil, fmt.Errorf("read layer %s: %w", digest, err)
	}
	return &checkedReader{ReadCloser: file, sum: sha256.New(), want: digest}, nil
}

// checkedReader reports at its end that the bytes don't have the digest.
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

// readFile reads a file that is held in memory.
func readFile(files fs.FS, path string) ([]byte, error) {
	file, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err == nil && len(raw) > maxDocument {
		err = fmt.Errorf("%s has more than %d MiB", path, maxDocument>>20)
	}
	return raw, err
}
