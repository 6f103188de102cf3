package devstack

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
)

// files returns the names in the image's layers, with their modes.
func files(t *testing.T, img v1.Image) map[string]int64 {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for archive := tar.NewReader(content); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if header.ModTime.Unix() != 0 || header.Uid != 0 {
				t.Errorf("%s is of %v and user %d: the layer differs between machines", header.Name, header.ModTime, header.Uid)
			}
			found[header.Name] = header.Mode
		}
		if err := content.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// cachedImage returns the image that a layout holds.
func cachedImage(t *testing.T, dir string) v1.Image {
	t.Helper()
	found, err := openImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	img, ok := found.(v1.Image)
	if !ok {
		t.Fatalf("the layout holds a %T", found)
	}
	return img
}

func TestIndexOfALayoutIsFound(t *testing.T) {
	t.Parallel()
	cache := &imageCache{dir: t.TempDir()}
	want, err := random.Index(10, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := cache.layout("index", func(dir string) error {
		path, err := layout.Write(dir, empty.Index)
		return errors.Join(err, path.AppendIndex(want))
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := openImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	digests := [2]v1.Hash{}
	for i, index := range []any{want, found} {
		if digests[i], err = index.(v1.ImageIndex).Digest(); err != nil {
			t.Fatal(err)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("index %s, want %s", digests[1], digests[0])
	}
}

func TestImageIsAFunctionOfItsKey(t *testing.T) {
	t.Parallel()
	make := func(c *imageCache, key string) (digest v1.Hash, made bool) {
		dir, err := c.get(key, func(i *image) error {
			made = true
			return errors.Join(
				i.layer(func(a *archive) error {
					return errors.Join(a.folder("bin", 0o755), a.file("bin/x", 0o755, []byte(key)))
				}),
				i.configure(v1.Config{Cmd: []string{"/bin/x"}}))
		})
		if err != nil {
			t.Fatal(err)
		}
		img := cachedImage(t, dir)
		digest, err = img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil || config.OS != "linux" || config.Architecture != runtime.GOARCH || config.Config.Cmd[0] != "/bin/x" {
			t.Errorf("config %+v, %v", config, err)
		}
		if got := files(t, img); got["bin/x"] != 0o755 {
			t.Errorf("files %v", got)
		}
		return digest, made
	}
	one, other := &imageCache{dir: t.TempDir()}, &imageCache{dir: t.TempDir()}
	first, made := make(one, "a")
	if !made {
		t.Error("a new image was not made")
	}
	if again, made := make(one, "a"); made || again != first {
		t.Errorf("the image was made again: %s", again)
	}
	if elsewhere, _ := make(other, "a"); elsewhere != first {
		t.Errorf("another cache has %s, this one %s", elsewhere, first)
	}
	if b, made := make(one, "b"); !made || b == first {
		t.Errorf("another key gives the same image")
	}
}

func TestImageThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	cache := &imageCache{dir: t.TempDir()}
	failure := errors.New("no")
	if _, err := cache.get("a", func(*image) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(cache.dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestGorootTakesWhatBuildsPrograms(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	tools := "pkg/tool/" + runtime.GOOS + "_" + runtime.GOARCH
	wanted := []string{"VERSION", "go.env", "bin/go", "lib/time/zoneinfo.zip", "pkg/include/asm.h", tools + "/compile", "src/fmt/print.go"}
	for _, name := range append([]string{
		"README.md", "src/fmt/print_test.go", "src/fmt/testdata/x", "src/cmd/go/main.go", "test/x.go", "doc/x", "pkg/tool/plan9_mips/compile", "pkg/obj/x",
	}, wanted...) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, "bin/go"), 0o700); err != nil {
		t.Fatal(err)
	}
	cache := &imageCache{dir: t.TempDir()}
	dir, err := cache.get("go", func(i *image) error {
		return i.layer(func(a *archive) error { return goroot(a, root) })
	})
	if err != nil {
		t.Fatal(err)
	}
	img := cachedImage(t, dir)
	var got []string
	for name, mode := range files(t, img) {
		if rel, err := filepath.Rel("usr/local/go", name); err == nil && name[len(name)-1] != '/' {
			got = append(got, rel)
			if want := map[bool]int64{true: 0o755, false: 0o644}[rel == "bin/go"]; mode != want {
				t.Errorf("%s: mode %o, want %o", rel, mode, want)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("files %q, want %q", got, wanted)
	}
}
