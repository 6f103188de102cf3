package registry

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// OpenArchive opens a tar file with one image: an OCI layout, or what docker
// save writes, which since Docker 25 is both.
//
// An archive of an older Docker has no manifest. Its Digest is that of the
// manifest which go-containerregistry makes for it, as in "crane push".
//
// https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md#combined-image-json--filesystem-changeset-format
func OpenArchive(file string) (*Layout, error) {
	l, err := openArchive(file)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("read the archive %q: %w", file, err),
			"name a tar file with one image in it, as \"docker save\" or a build with \"type=oci,dest=…\" writes it, not compressed")
	}
	return l, nil
}

func openArchive(file string) (*Layout, error) {
	files, err := indexTar(file)
	if err != nil {
		return nil, err
	}
	l, err := newLayout(files)
	if !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	raw, err := readFile(files, "manifest.json")
	if err != nil {
		return nil, errors.New("it has neither index.json nor manifest.json")
	}
	var images tarball.Manifest
	if err := json.Unmarshal(raw, &images); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(images) != 1 {
		return nil, fmt.Errorf("it holds %d images", len(images))
	}
	return newSaved(files, images[0])
}

// newSaved returns the image of an archive without a manifest.
func newSaved(files fs.FS, d tarball.Descriptor) (*Layout, error) {
	config, err := readFile(files, path.Clean(d.Config))
	if err != nil {
		return nil, err
	}
	var parsed v1.ConfigFile
	if err := json.Unmarshal(config, &parsed); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Config, err)
	}
	if len(parsed.RootFS.DiffIDs) != len(d.Layers) {
		return nil, fmt.Errorf("its config has %d layers, and its manifest.json %d", len(parsed.RootFS.DiffIDs), len(d.Layers))
	}
	core := &savedCore{files, config, map[v1.Hash]string{}}
	for i, id := range parsed.RootFS.DiffIDs {
		core.layers[id] = path.Clean(d.Layers[i])
	}
	img, err := partial.UncompressedToImage(core)
	if err != nil {
		return nil, err
	}
	l := &Layout{files: files, saved: savedImage{img, core}}
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	l.Digest = image.Digest(digest.String())
	for _, tag := range d.RepoTags {
		if err := l.name(tag); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// savedCore implements partial.UncompressedImageCore.
type savedCore struct {
	files  fs.FS
	config []byte
	layers map[v1.Hash]string // paths by diff ID
}

func (i *savedCore) MediaType() (types.MediaType, error) { return types.DockerManifestSchema2, nil }
func (i *savedCore) RawConfigFile() ([]byte, error)      { return i.config, nil }

func (i *savedCore) LayerByDiffID(id v1.Hash) (partial.UncompressedLayer, error) {
	return savedLayer{i.files, i.layers[id], id}, nil
}

// savedLayer implements partial.UncompressedLayer.
type savedLayer struct {
	files fs.FS
	path  string
	id    v1.Hash
}

func (l savedLayer) DiffID() (v1.Hash, error)             { return l.id, nil }
func (l savedLayer) MediaType() (types.MediaType, error)  { return types.DockerLayer, nil }
func (l savedLayer) Uncompressed() (io.ReadCloser, error) { return openChecked(l.files, l.path, l.id) }

// savedImage is the image of core, whose layers tell how they are stored.
type savedImage struct {
	v1.Image
	core *savedCore
}

// Layers implements v1.Image.
func (i savedImage) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	for n, layer := range layers {
		id, err := layer.DiffID()
		if err != nil {
			return nil, err
		}
		layers[n] = rawLayer{layer, savedLayer{i.core.files, i.core.layers[id], id}}
	}
	return layers, err
}

type rawLayer struct {
	v1.Layer
	raw savedLayer
}

// Stored returns the layer as it is stored: to have it compressed takes a while.
func (l rawLayer) Stored() (io.ReadCloser, error) { return l.raw.Uncompressed() }

// The bounds of an archive's table of contents.
const (
	maxEntries  = 10_000
	maxPath     = 4096
	maxTarLinks = 8
)

// tarFiles are the files in a tar file, which are read where they are: nothing
// is unpacked, so that no name in it can lead anywhere. It implements fs.FS.
type tarFiles struct {
	archive string
	entries map[string]tarEntry
}

type tarEntry struct {
	offset, size int64
	link         string // the path of another entry
}

// indexTar reads the archive's table of contents.
func indexTar(archive string) (*tarFiles, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	files := &tarFiles{archive, map[string]tarEntry{}}
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if len(files.entries) == maxEntries || len(header.Name) > maxPath || len(header.Linkname) > maxPath {
			return nil, fmt.Errorf("it has more than %d files, or one with a path of more than %d bytes", maxEntries, maxPath)
		}
		name := path.Clean(header.Name)
		switch header.Typeflag {
		case tar.TypeReg:
			// The reader takes no more of the file than the header.
			offset, err := file.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			files.entries[name] = tarEntry{offset: offset, size: header.Size}
		case tar.TypeSymlink: // docker save has them for layers that images share
			files.entries[name] = tarEntry{link: path.Join(path.Dir(name), header.Linkname)} //nolint:gosec // it names another entry, never a file
		case tar.TypeLink:
			files.entries[name] = tarEntry{link: path.Clean(header.Linkname)}
		}
	}
}

// Open implements fs.FS.
func (t *tarFiles) Open(name string) (fs.File, error) {
	entry, ok := t.entries[name]
	for range maxTarLinks {
		if !ok || entry.link == "" {
			break
		}
		entry, ok = t.entries[entry.link]
	}
	if !ok || entry.link != "" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	file, err := os.Open(t.archive)
	if err != nil {
		return nil, err
	}
	return tarFile{io.NewSectionReader(file, entry.offset, entry.size), path.Base(name), file}, nil
}

// tarFile is a file in a tar file. It implements fs.File.
type tarFile struct {
	*io.SectionReader
	name    string
	archive *os.File
}

func (f tarFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f tarFile) Close() error               { return f.archive.Close() }

// It is its own description, too.

func (f tarFile) Name() string       { return f.name }
func (f tarFile) Mode() fs.FileMode  { return 0o444 }
func (f tarFile) ModTime() time.Time { return time.Time{} }
func (f tarFile) IsDir() bool        { return false }
func (f tarFile) Sys() any           { return nil }
