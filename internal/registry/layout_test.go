package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// writeLayout writes a layout with one index of two platforms and an
// attestation manifest, as BuildKit does, under each of names.
func writeLayout(t *testing.T, names ...string) (dir string, digest image.Digest) {
	t.Helper()
	dir = t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	index := platformIndex(t, "linux/amd64", "linux/arm/v7", "unknown/unknown")
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		annotations := map[string]string{}
		if name != "" {
			annotations[nameAnnotation] = name
		}
		if err := path.AppendIndex(index, layout.WithAnnotations(annotations)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, image.Digest(hash.String())
}

func platformIndex(t *testing.T, platforms ...string) v1.ImageIndex {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, text := range platforms {
		img, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		platform, err := v1.ParsePlatform(text)
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index
}

func TestLayoutTellsWhatItHolds(t *testing.T) {
	t.Parallel()
	dir, digest := writeLayout(t, "ghcr.io/acme/app:latest", "docker.io/acme/app:latest")
	l, err := OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintln(l.Digest, l.Repositories), fmt.Sprintln(digest, "[ghcr.io/acme/app docker.io/acme/app]"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	platforms, err := l.Platforms()
	if err != nil || len(platforms) != 2 || platforms[1].Platform.String() != "linux/arm/v7" {
		t.Fatalf("platforms %v, %v", platforms, err)
	}
	img, err := l.Image(platforms[1].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := img.Digest(); err != nil || got.String() != string(platforms[1].Digest) {
		t.Errorf("image %s, %v", got, err)
	}
}

func TestLayoutOfOneImage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "s390x"
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	if platforms, err := l.Platforms(); err != nil || len(platforms) != 1 || platforms[0].Platform.String() != "linux/s390x" || platforms[0].Digest != l.Digest {
		t.Errorf("platforms %v, %v", platforms, err)
	}
}

func TestLayoutThatIsNone(t *testing.T) {
	t.Parallel()
	several, _ := writeLayout(t)
	path, err := layout.FromPath(several)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendIndex(platformIndex(t, "linux/amd64")); err != nil {
		t.Fatal(err)
	}
	none := t.TempDir()
	if _, err := layout.Write(none, empty.Index); err != nil {
		t.Fatal(err)
	}
	bad, _ := writeLayout(t, "ghcr.io/Acme/App:latest")
	for dir, want := range map[string]string{
		t.TempDir(): "no such file", several: "several images", none: "no image", bad: "upper-case",
	} {
		if _, err := OpenLayout(dir); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 {
			t.Errorf("error %v, want one with %q and a mend", err, want)
		}
	}
}

func TestLayoutWhoseBytesWereChanged(t *testing.T) {
	t.Parallel()
	dir, digest := writeLayout(t)
	l, err := OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(dir, "blobs", "sha256", digest.Hex())
	text, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Platforms(); err == nil || !strings.Contains(err.Error(), "have the digest") {
		t.Errorf("error %v", err)
	}
}
