package sbom

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/org/release-actions/internal/parallel"
)

// fetchAttempts bounds how often a layer is begun anew whose connection broke
// on the way. The transport retries requests, but has returned by then.
const fetchAttempts = 3

// layerStore keeps unpacked layers as files for as long as an image needs them,
// so that a layer that several images share is fetched and unpacked once. Its
// key is the digest that the bytes are checked against, never the diff ID,
// which an image merely claims.
type layerStore struct {
	dir   string
	disk  *disk
	mu    sync.Mutex
	files map[v1.Hash]*layerFile
}

// layerFile is an unpacked layer.
type layerFile struct {
	path  string
	users int                   // images that are still to be read
	fetch func() (int64, error) // returns how many files are in it
}

func newLayerStore(dir string, room int64) *layerStore {
	return &layerStore{dir: dir, disk: newDisk(dir, room), files: map[v1.Hash]*layerFile{}}
}

// add returns img with layers that are in the store once they are fetched, until
// release is called.
func (s *layerStore) add(img v1.Image) (stored storedImage, release func(), err error) {
	manifest, err := img.Manifest()
	if err != nil {
		return storedImage{}, nil, err
	}
	layers, err := img.Layers()
	if err != nil {
		return storedImage{}, nil, err
	}
	if len(layers) != len(manifest.Layers) {
		return storedImage{}, nil, fmt.Errorf("its manifest has %d layers, and its config %d", len(manifest.Layers), len(layers))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stored.Image = img
	for n, layer := range layers {
		d := manifest.Layers[n]
		file, ok := s.files[d.Digest]
		if !ok {
			file = &layerFile{path: filepath.Join(s.dir, d.Digest.Hex)}
			file.fetch = sync.OnceValues(func() (int64, error) { return s.fetch(layer, d, file.path) })
			s.files[d.Digest] = file
		}
		file.users++
		stored.layers = append(stored.layers, storedLayer{layer, file})
	}
	return stored, func() { s.release(manifest.Layers) }, nil
}

// release removes the layers that no other image needs.
func (s *layerStore) release(layers []v1.Descriptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range layers {
		file := s.files[d.Digest]
		if file.users--; file.users == 0 {
			s.disk.remove(file.path)
		}
	}
}

// storedImage is an image whose layers are in the store.
type storedImage struct {
	v1.Image
	layers []storedLayer
}

// fetch fetches the layers, and returns how many files are in them.
func (i storedImage) fetch() (int64, error) {
	var files atomic.Int64
	err := parallel.Each(i.layers, func(_ int, layer storedLayer) error {
		n, err := layer.file.fetch()
		files.Add(n)
		return err
	})
	return files.Load(), err
}

// Layers implements v1.Image.
func (i storedImage) Layers() ([]v1.Layer, error) {
	layers := make([]v1.Layer, len(i.layers))
	for n, layer := range i.layers {
		layers[n] = layer
	}
	return layers, nil
}

type storedLayer struct {
	v1.Layer
	file *layerFile
}

// Uncompressed implements v1.Layer.
func (l storedLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.file.path) }

func (s *layerStore) fetch(layer v1.Layer, d v1.Descriptor, path string) (files int64, err error) {
	for attempt := 1; ; attempt++ {
		broken, err := s.unpack(layer, path)
		if err == nil {
			if files, err = countFiles(path); err == nil {
				return files, nil
			}
			broken, err = false, fmt.Errorf("%s as a tar file: %w", d.MediaType, err)
		}
		s.disk.remove(path)
		if !broken || attempt == fetchAttempts || errors.Is(err, errDisk) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return 0, fmt.Errorf("read layer %s: %w", d.Digest, err)
		}
	}
}

// countFiles returns how many entries a tar file has.
func countFiles(path string) (n int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // it was only read
	for reader := tar.NewReader(file); ; n++ {
		if _, err := reader.Next(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// unpack writes the layer to path, and reports whether it broke off after its
// beginning. Its reader checks the bytes against the digest, at their end.
func (s *layerStore) unpack(layer v1.Layer, path string) (broken bool, err error) {
	body, err := open(layer)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	file, err := os.Create(path)
	if err != nil {
		return false, err
	}
	buffered := bufio.NewReaderSize(body, 1<<16)
	unpacked, err := decompress(buffered)
	if err == nil {
		_, err = io.Copy(s.disk.writer(file), unpacked)
	}
	if err == nil { // what comes behind the compressed bytes has a part in the digest
		_, err = io.Copy(io.Discard, buffered)
	}
	return true, errors.Join(err, file.Close())
}

// open returns the bytes that a layer's digest is of. For a layer that docker
// save wrote that is its diff ID.
func open(layer v1.Layer) (io.ReadCloser, error) {
	if saved, ok := layer.(interface{ Stored() (io.ReadCloser, error) }); ok {
		return saved.Stored()
	}
	return layer.Compressed()
}

// decompress returns what r, a layer, has in it. It goes by the first bytes, as
// media types are wrong at times.
func decompress(r *bufio.Reader) (io.Reader, error) {
	magic, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}): // https://www.rfc-editor.org/rfc/rfc1952
		return gzip.NewReader(r)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}): // https://www.rfc-editor.org/rfc/rfc8878
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
	}
	return r, nil
}
