package publish

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"os"

	"github.com/org/release-actions/internal/image"
)

func TestProgramsAsAnImage(t *testing.T) {
	t.Parallel()
	dir, binary := t.TempDir(), filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(binary, []byte("a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	var assets []Asset
	for _, p := range []image.Platform{{OS: "linux", Arch: "amd64"}, {OS: "darwin", Arch: "arm64"}} {
		for _, program := range []string{bundleName, large} {
			assets = append(assets, Asset{Program: program, Platform: p, Binary: binary})
		}
	}
	if err := writeLayout(dir, assets); err != nil {
		t.Fatal(err)
	}
	outer, err := layout.ImageIndexFromPath(filepath.Join(dir, "layout"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(outer); err != nil {
		t.Error(err)
	}
	manifest, err := outer.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("it holds %v, %v", manifest, err)
	}
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range inner.Manifests {
		found = append(found, m.Platform.String())
		platform, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if config, err := platform.ConfigFile(); err != nil || config.OS+"/"+config.Architecture != m.Platform.String() {
			t.Errorf("the image for %s says %v, %v", m.Platform, config, err)
		}
	}
	if !slices.Equal(found, []string{"linux/amd64", "darwin/arm64"}) {
		t.Errorf("it is for %v", found)
	}
}
