package sbom_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/sbom"
)

// writeLayout writes an OCI layout as BuildKit does. name is the image's full
// name, or "".
func writeLayout(t *testing.T, index v1.ImageIndex, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	annotations := map[string]string{}
	if name != "" {
		annotations = map[string]string{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "latest"}
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(annotations)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func runLayout(t *testing.T, d sbom.Deps, dir string) (sbom.Result, error) {
	t.Helper()
	cfg := sbom.Config{Layout: dir, OutputDir: filepath.Join(t.TempDir(), "out")}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	result, err := sbom.Run(t.Context(), cfg, d)
	if left, _ := filepath.Glob(filepath.Join(d.TempDir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return result, err
}

// TestLayoutGivesTheSameDocuments holds what is made of a layout against what
// is made of the registry that the image would have been pushed to.
func TestLayoutGivesTheSameDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := release(t)
	pushed := w.push(t, "acme/app", all)
	d, _ := deps(t)
	want := run(t, d, pushed)
	requests := len(w.gets)
	d, _ = deps(t)
	d.Registry = nil
	dir := writeLayout(t, all, w.host+"/acme/app:latest")
	got, err := runLayout(t, d, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Files) != 8 || len(got.Files) != len(want.Files) {
		t.Fatalf("files %q, want those of %q", got.Files, want.Files)
	}
	for i, path := range got.Files {
		if !bytes.Equal(read(t, path), read(t, want.Files[i])) {
			t.Errorf("%s isn't the same as that of the registry", filepath.Base(path))
		}
	}
	if len(w.gets) != requests {
		t.Errorf("the registry was asked: %v", w.gets)
	}
	if summary := got.Summary(); !strings.Contains(summary, "Read from the OCI layout `"+dir+"`") || strings.Contains(want.Summary(), "OCI layout") {
		t.Errorf("the summary doesn't say what was read:\n%s", summary)
	}
}

func TestLayoutWithoutAName(t *testing.T) {
	t.Parallel()
	all, _ := release(t)
	d, _ := deps(t)
	result, err := runLayout(t, d, writeLayout(t, all, ""))
	if err != nil {
		t.Fatal(err)
	}
	digest := platformDigests(t, all)["linux-amd64"]
	purl := "pkg:oci/image@sha256%3A" + digest.Hex() + "?arch=amd64"
	checkSPDXRoot(t, readSPDX(t, result.Files[0]), purl, digest)
	checkCycloneDXRoot(t, readCycloneDX(t, result.Files[1]), purl, digest)
}

func TestLayoutWhoseLayerWasChanged(t *testing.T) {
	t.Parallel()
	all, shared := release(t)
	dir := writeLayout(t, all, "")
	digest, err := shared.Digest()
	if err != nil {
		t.Fatal(err)
	}
	// A layer that unpacks as well as the true one.
	other, err := sharedLayer(t).Compressed()
	if err != nil {
		t.Fatal(err)
	}
	var forged bytes.Buffer
	if _, err := forged.ReadFrom(other); err != nil {
		t.Fatal(err)
	}
	forged.Bytes()[9] ^= 1 // the header's operating system
	if err := os.WriteFile(filepath.Join(dir, "blobs", "sha256", digest.Hex), forged.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ := deps(t)
	if _, err := runLayout(t, d, dir); err == nil || !strings.Contains(err.Error(), "the bytes of layer "+digest.String()+" have the digest") {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "blobs", "sha256", digest.Hex)); err != nil {
		t.Fatal(err)
	}
	d, _ = deps(t)
	if _, err := runLayout(t, d, dir); err == nil || !strings.Contains(err.Error(), "read layer "+digest.String()) {
		t.Errorf("error %v", err)
	}
}

func TestOnePlaceForOneImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := release(t)
	both := sbom.Config{Layout: "layout"}
	both.Images = append(both.Images, w.push(t, "acme/app", all))
	for want, cfg := range map[string]sbom.Config{"several places": both, "none of the inputs": {}} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) != 1 {
			t.Errorf("error %v with %q, want %q", err, hint.Of(err), want)
		}
	}
	d, _ := deps(t)
	if _, err := runLayout(t, d, t.TempDir()); err == nil || !strings.Contains(err.Error(), `input "layout": read the OCI layout`) || len(hint.Of(err)) != 1 {
		t.Errorf("error %v", err)
	}
}
