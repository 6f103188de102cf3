package registry

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/org/release-actions/internal/hint"
)

// entry is a file, or a link, in a tar file.
type entry struct{ name, content, link string }

func writeTar(t testing.TB, entries ...entry) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, tarOf(t, entries...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.content)), Linkname: e.link}
		if e.link != "" {
			h.Typeflag = tar.TypeSymlink
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// layoutEntries are the files of a layout, as an archive has them.
func layoutEntries(t testing.TB, dir string) []entry {
	t.Helper()
	var entries []entry
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		entries = append(entries, entry{name: path, content: string(content)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestArchiveOfALayout(t *testing.T) {
	t.Parallel()
	dir, digest := writeLayout(t, "ghcr.io/acme/app:latest")
	// Docker since version 25 adds a manifest.json, which says no more.
	l, err := OpenArchive(writeTar(t, append(layoutEntries(t, dir), entry{name: "manifest.json", content: "[]"})...))
	if err != nil {
		t.Fatal(err)
	}
	if l.Digest != digest || len(l.Repositories) != 1 || l.Repositories[0].String() != "ghcr.io/acme/app" {
		t.Errorf("digest %s, repositories %v", l.Digest, l.Repositories)
	}
	platforms, err := l.Platforms()
	if err != nil || len(platforms) != 2 {
		t.Fatalf("platforms %v, %v", platforms, err)
	}
	img, err := l.Image(platforms[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := readLayers(img); err != nil {
		t.Error(err)
	}
}

// readLayers reads all layers to their end.
func readLayers(img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		open := layer.Compressed
		if saved, ok := layer.(interface{ Stored() (io.ReadCloser, error) }); ok {
			open = saved.Stored
		}
		body, err := open()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, body)
		if err := errors.Join(err, body.Close()); err != nil {
			return err
		}
	}
	return nil
}

// saved returns the files of an image as Docker before version 25 saves them:
// the second layer is a link to another image's.
func saved(t testing.TB) []entry {
	t.Helper()
	img, err := random.Image(64, 2)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file.OS, file.Architecture = "linux", "arm64"
	config, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var contents []string
	for _, layer := range layers {
		body, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(content))
	}
	return []entry{
		{name: "config.json", content: string(config)},
		{name: "one/VERSION", content: "1.0"},
		{name: "one/layer.tar", content: contents[0]},
		{name: "two/layer.tar", link: "../three/layer.tar"},
		{name: "three/layer.tar", content: contents[1]},
		{name: "manifest.json", content: `[{"Config":"config.json","RepoTags":["acme/app:1"],"Layers":["one/layer.tar","two/layer.tar"]}]`},
		{name: "repositories", content: `{}`},
	}
}

func TestArchiveWithoutAManifestHasCranesDigest(t *testing.T) {
	t.Parallel()
	path := writeTar(t, saved(t)...)
	l, err := OpenArchive(path)
	if err != nil {
		t.Fatal(err)
	}
	crane, err := tarball.ImageFromPath(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := crane.Digest(); err != nil || string(l.Digest) != want.String() {
		t.Errorf("digest %s, want %s, %v", l.Digest, want, err)
	}
	platforms, err := l.Platforms()
	if err != nil || len(platforms) != 1 || platforms[0].Platform.String() != "linux/arm64" || platforms[0].Digest != l.Digest {
		t.Fatalf("platforms %v, %v", platforms, err)
	}
	if len(l.Repositories) != 1 || l.Repositories[0].String() != "docker.io/acme/app" {
		t.Errorf("repositories %v", l.Repositories)
	}
	img, err := l.Image(l.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := readLayers(img); err != nil {
		t.Error(err)
	}
}

func TestArchiveThatIsNone(t *testing.T) {
	t.Parallel()
	dir, digest := writeLayout(t)
	layout := layoutEntries(t, dir)
	without := func(suffix string) (left []entry) {
		for _, e := range layout {
			if !strings.HasSuffix(e.name, suffix) {
				left = append(left, e)
			}
		}
		return left
	}
	change := func(entries []entry, name string, to entry) []entry {
		changed := append([]entry{}, entries...)
		for i, e := range changed {
			if e.name == name {
				changed[i] = to
			}
		}
		return changed
	}
	old := saved(t)
	big := strings.Repeat(" ", maxDocument+1)
	for name, test := range map[string]struct {
		entries []entry
		want    string
	}{
		"empty":            {nil, "neither index.json nor manifest.json"},
		"no blob":          {without(digest.Hex()), "blob " + string(digest) + " isn't there"},
		"several images":   {change(old, "manifest.json", entry{name: "manifest.json", content: `[{},{}]`}), "holds 2 images"},
		"not JSON":         {change(old, "manifest.json", entry{name: "manifest.json", content: `<`}), "manifest.json: invalid character"},
		"large index":      {[]entry{{name: "index.json", content: big}}, "more than 4 MiB"},
		"large config":     {change(old, "config.json", entry{name: "config.json", content: big}), "more than 4 MiB"},
		"fewer layers":     {change(old, "manifest.json", entry{name: "manifest.json", content: `[{"Config":"config.json","Layers":["one/layer.tar"]}]`}), "config has 2 layers, and its manifest.json 1"},
		"changed layer":    {change(old, "one/layer.tar", entry{name: "one/layer.tar", content: "x"}), "have the digest sha256:"},
		"link to itself":   {change(old, "two/layer.tar", entry{name: "two/layer.tar", link: "layer.tar"}), "isn't there"},
		"link out of it":   {change(old, "two/layer.tar", entry{name: "two/layer.tar", link: "../../../../etc/passwd"}), "isn't there"},
		"config out of it": {change(old, "manifest.json", entry{name: "manifest.json", content: `[{"Config":"../../etc/passwd"}]`}), "not exist"},
		"digest as a path": {[]entry{{name: "index.json", content: `{"manifests":[{"digest":"sha256:../../../../etc/passwd"}]}`}}, "index.json: "},
		"index of itself":  {[]entry{{name: "index.json", content: `{"manifests":[{"digest":"sha256:` + strings.Repeat("0", 64) + `"}]}`}, {name: "blobs/sha256/" + strings.Repeat("0", 64), content: `{"manifests":[]}`}}, "have the digest"},
	} {
		l, err := OpenArchive(writeTar(t, test.entries...))
		if err == nil {
			_, err = l.Platforms()
		}
		if err == nil {
			var img v1.Image
			if img, err = l.Image(l.Digest); err == nil {
				err = readLayers(img)
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
	}
}

func TestArchiveThatIsNoTarFile(t *testing.T) {
	t.Parallel()
	whole := tarOf(t, saved(t)...)
	for name, content := range map[string][]byte{"compressed": {0x1f, 0x8b, 8, 0}, "cut": whole[:len(whole)/2], "text": []byte(strings.Repeat("text", 400))} {
		path := filepath.Join(t.TempDir(), "image.tar")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenArchive(path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(strings.Join(hint.Of(err), ""), "not compressed") {
			t.Errorf("%s: error %v, hints %q", name, err, hint.Of(err))
		}
	}
}

// FuzzOpenArchive reads whatever there is in an archive: it may be refused, but
// what is accepted has the digests that it says.
func FuzzOpenArchive(f *testing.F) {
	f.Add(tarOf(f, saved(f)...))
	f.Add(tarOf(f, entry{name: "index.json", content: `{"manifests":[{"digest":"sha256:` + strings.Repeat("0", 64) + `"}]}`}))
	f.Add(tarOf(f, entry{name: "manifest.json", link: "manifest.json"}))
	f.Add([]byte("no archive"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "image.tar")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := OpenArchive(path)
		if err != nil {
			return
		}
		platforms, err := l.Platforms()
		if err != nil {
			return
		}
		for _, p := range platforms {
			img, err := l.Image(p.Digest)
			if err != nil {
				continue
			}
			if got, err := img.Digest(); err != nil || got.String() != string(p.Digest) {
				t.Errorf("image %s has the digest %s, %v", p.Digest, got, err)
			}
			_ = readLayers(img) // an error, or not
		}
	})
}
