package publish

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// writeLayout writes the programs as an OCI layout, one image for each platform
// with nothing but its programs in it: what sbom describes.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
func writeLayout(dir string, assets []Asset) error {
	var index v1.ImageIndex = empty.Index
	for len(assets) > 0 {
		p := assets[0].Platform
		var mine []Asset
		for len(assets) > 0 && assets[0].Platform == p {
			mine, assets = append(mine, assets[0]), assets[1:]
		}
		content, err := archive(mine)
		if err != nil {
			return err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
		if err != nil {
			return err
		}
		image, err := mutate.AppendLayers(empty.Image, layer)
		if err != nil {
			return err
		}
		image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: p.OS, Architecture: p.Arch, RootFS: v1.RootFS{Type: "layers", DiffIDs: diffIDs(layer)}})
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.OS, Architecture: p.Arch}}})
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(index)
}

func diffIDs(layer v1.Layer) []v1.Hash {
	id, err := layer.DiffID()
	if err != nil {
		return nil // mutate complains of it
	}
	return []v1.Hash{id}
}

// archive packs the binaries under the names of their programs.
func archive(assets []Asset) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, a := range assets {
		content, err := os.ReadFile(a.Binary)
		if err != nil {
			return nil, err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.Base(a.Program), Mode: 0o755, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}
