package sbom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// fetchAttempts bounds how often a layer is begun anew whose connection broke
// on the way. The transport retries requests, but has returned by then.
const fetchAttempts = 3

// layerStore keeps compressed layers as files, so that a layer that several
// platforms share is fetched once. Its key is the digest that the bytes are
// checked against, never the diff ID, which an image merely claims.
type layerStore struct {
	dir   string
	mu    sync.Mutex
	paths map[v1.Hash]func() (string, error)
}

func newLayerStore(dir string) *layerStore {
	return &layerStore{dir: dir, paths: map[v1.Hash]func() (string, error){}}
}

// image returns img with layers that are fetched into the store when they are
// read.
func (s *layerStore) image(img v1.Image) v1.Image { return replaceLayers{img, s.layer} }

func (s *layerStore) layer(layer v1.Layer) (v1.Layer, error) {
	digest, err := layer.Digest()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path, ok := s.paths[digest]
	if !ok {
		path = sync.OnceValues(func() (string, error) {
			path := filepath.Join(s.dir, digest.Hex)
			if err := fetch(layer, path); err != nil {
				return "", fmt.Errorf("read layer %s: %w", digest, err)
			}
			return path, nil
		})
		s.paths[digest] = path
	}
	// Uncompressed follows from Compressed.
	return partial.CompressedToLayer(storedLayer{layer, path})
}

type storedLayer struct {
	v1.Layer
	path func() (string, error)
}

// Compressed implements v1.Layer.
func (l storedLayer) Compressed() (io.ReadCloser, error) {
	path, err := l.path()
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

func fetch(layer v1.Layer, path string) error {
	for attempt := 1; ; attempt++ {
		broken, err := download(layer, path)
		if err == nil || !broken || attempt == fetchAttempts ||
			errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// download writes the layer to path, and reports whether it broke off after
// its beginning. Its reader checks the bytes against the digest.
func download(layer v1.Layer, path string) (broken bool, err error) {
	body, err := layer.Compressed()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	file, err := os.Create(path)
	if err != nil {
		return false, err
	}
	_, err = io.Copy(file, body)
	return true, errors.Join(err, file.Close())
}
