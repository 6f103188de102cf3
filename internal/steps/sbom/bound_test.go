package sbom_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/steps/sbom"
)

// TestBombIsNotUnpacked gives a layer of a few KiB that unpacks to more than
// there is room for.
func TestBombIsNotUnpacked(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	for range 64 {
		if _, err := zipped.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	bomb := static.NewLayer(b.Bytes(), types.OCILayer)
	pinned := w.push(t, "acme/app", platformImage(t, "linux/amd64", bomb))
	d, _ := deps(t)
	d.Room = 1 << 20
	_, err := sbom.Run(t.Context(), sbom.Config{Images: []image.Pinned{pinned}, OutputDir: t.TempDir()}, d)
	if err == nil || !strings.Contains(err.Error(), "unpacks to more than there is room for: 1 MiB") || len(hint.Of(err)) != 1 {
		t.Errorf("error %v, hints %q", err, hint.Of(err))
	}
	if n := w.blobGets(t, "acme/app", bomb); n != 1 {
		t.Errorf("it was fetched %d times", n)
	}
	if left, _ := filepath.Glob(filepath.Join(d.TempDir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLayersOfEachCompression(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := uncompressed(t, sharedLayer(t))
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]v1.Layer{
		"none": static.NewLayer(plain, types.OCIUncompressedLayer),
		"zstd": static.NewLayer(encoder.EncodeAll(plain, nil), types.OCILayerZStd),
	} {
		result := runWith(t, sbom.Config{Images: []image.Pinned{w.push(t, "acme/"+name, platformImage(t, "linux/amd64", l))}})
		if got := found(t, result); len(got) != 3 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestMemoryThatIsAvailable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	meminfo := filepath.Join(dir, "meminfo")
	for _, test := range []struct {
		meminfo, limit, used string
		want                 int64
	}{
		{"MemTotal:  9 kB\nMemAvailable:   2048 kB\n", "max\n", "", 2 << 20},
		{"MemAvailable:   2048 kB\n", "1048576\n", "524288\n", 1 << 19},
		{"MemAvailable:   2048 kB\n", "8388608\n", "0\n", 2 << 20},
		{"nothing", "max\n", "", 4 << 30},
	} {
		write("meminfo", test.meminfo)
		write("memory.max", test.limit)
		write("memory.current", test.used)
		if got := sbom.Available(meminfo, dir); got != test.want {
			t.Errorf("%q, %q, %q: %d, want %d", test.meminfo, test.limit, test.used, got, test.want)
		}
	}
}

func TestImagesWithManyFilesAreReadOneAtATime(t *testing.T) {
	t.Parallel()
	m := sbom.NewMemory(1 << 30)
	const many = 1 << 17 // take more than half of it
	release, err := m.Acquire(t.Context(), many)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Acquire(ended, many); err == nil {
		t.Error("two images take more than there is")
	}
	release()
	if release, err = m.Acquire(t.Context(), 3*many); err != nil {
		t.Errorf("what takes more than half of all isn't read: %v", err)
	} else {
		release()
	}
	if _, err := m.Acquire(t.Context(), 5*many); err == nil || !strings.Contains(err.Error(), "its 655360 files take about 2656 MiB of memory, and there are 2048") {
		t.Errorf("error %v", err)
	}
}

func TestLabelsOfAChartEndNothing(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Apache-2.0 WITH LLVM-exception": "Apache-2.0 WITH LLVM-exception",
		"\"x\"\n```%%{init}%%#;":         "#34;x#34;#10;#96;#96;#96;#37;#37;#123;init#125;#37;#37;#35;#59;",
	} {
		if got := sbom.Label(in); got != want {
			t.Errorf("label of %q is %q, want %q", in, got, want)
		}
	}
}
