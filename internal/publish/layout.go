package publish

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// writeLayout writes the programs to dir as an OCI layout, one image for each platform
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
		file := filepath.Join(dir, p.OS+"_"+p.Arch+".tar")
		if err := archive(file, mine); err != nil {
			return err
		}
		layer, err := tarball.LayerFromFile(file)
		if err != nil {
			return err
		}
		image, err := mutate.AppendLayers(empty.Image, layer)
		if err != nil {
			return err
		}
		config, err := image.ConfigFile()
		if err != nil {
			return err
		}
		config = config.DeepCopy()
		config.OS, config.Architecture = p.OS, p.Arch
		if image, err = mutate.ConfigFile(image, config); err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.OS, Architecture: p.Arch}}})
	}
	path, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(index)
}

// archive packs the binaries into a file, under the names of their programs.
func archive(file string, assets []Asset) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // closed below when all went well
	w := tar.NewWriter(out)
	for _, a := range assets {
		content, err := os.ReadFile(a.Binary)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: a.Program, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), out.Close())
}
