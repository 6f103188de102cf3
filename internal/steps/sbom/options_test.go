package sbom_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spdx/tools-golang/tagvalue"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/steps/sbom"
)

// runWith runs the step with cfg, which must succeed.
func runWith(t *testing.T, cfg sbom.Config) sbom.Result {
	t.Helper()
	d, _ := deps(t)
	cfg.OutputDir = filepath.Join(t.TempDir(), "out")
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	result, err := sbom.Run(t.Context(), cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func formats(t *testing.T, names ...string) []sbom.Format {
	t.Helper()
	all := make([]sbom.Format, len(names))
	for i, name := range names {
		if err := all[i].UnmarshalText([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestFurtherFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := release(t)
	pinned := w.push(t, "acme/app", all)
	cfg := sbom.Config{Images: []image.Pinned{pinned}, Formats: formats(t, "spdx-json", "cyclonedx-json@1.6", "spdx-tag-value", "spdx-json@2.2",
		"spdx-json@3.0", "cyclonedx-xml@1.5", "cyclonedx-json@1.4", "syft-json", "github-json", "table", "syft-json")}
	first, second := runWith(t, cfg), runWith(t, cfg)
	var names []string
	for _, path := range first.ExtraFiles {
		if name, ok := strings.CutPrefix(filepath.Base(path), "sbom-linux-amd64."); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if want := []string{
		"cyclonedx-json-1.4.json", "cyclonedx-xml-1.5.xml", "github-json.json", "spdx-json-2.2.json", "spdx-json-3.0.json", "spdx-tag-value.spdx", "syft-json.json", "syft-table.txt",
	}; !slices.Equal(names, want) {
		t.Errorf("files are %q, want %q", names, want)
	}
	for i, path := range first.ExtraFiles {
		content := read(t, path)
		// tools-golang numbers the elements of SPDX 3.0 as maps are ordered.
		if !bytes.Equal(content, read(t, second.ExtraFiles[i])) && !strings.HasSuffix(path, "spdx-json-3.0.json") {
			t.Errorf("%s isn't the same a second time", filepath.Base(path))
		}
		if !bytes.Contains(content, []byte("left-pad")) {
			t.Errorf("%s lacks a package", filepath.Base(path))
		}
	}
	dir := filepath.Dir(first.Files[0])
	doc, err := tagvalue.Read(bytes.NewReader(read(t, filepath.Join(dir, "sbom-index.spdx-tag-value.spdx"))))
	if err != nil || doc.DocumentNamespace == readSPDX(t, filepath.Join(dir, "sbom-index.spdx.json")).DocumentNamespace {
		t.Errorf("the tag-value document can't be read, or has another's name: %v", err)
	}
	var bom cyclonedx.BOM
	xml := bytes.NewReader(read(t, filepath.Join(dir, "sbom-index.cyclonedx-xml-1.5.xml")))
	if err := cyclonedx.NewBOMDecoder(xml, cyclonedx.BOMFileFormatXML).Decode(&bom); err != nil || bom.SpecVersion != cyclonedx.SpecVersion1_5 {
		t.Errorf("the XML document is %s, %v", bom.SpecVersion, err)
	}
	checkCycloneDXRoot(t, &bom, bom.Metadata.Component.PackageURL, pinned.Digest)
	if _, err := os.Stat(filepath.Join(dir, "sbom-index.syft-json.json")); !os.IsNotExist(err) {
		t.Errorf("the index has a document that syft doesn't know: %v", err)
	}
}

func TestUnknownFormatIsAnErrorThatNamesAll(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"spdx-jsn", "spdx-json@9", ""} {
		var f sbom.Format
		err := f.UnmarshalText([]byte(name))
		if err == nil || !strings.Contains(err.Error(), `"`+name+`" is no format`) || !strings.Contains(strings.Join(hint.Of(err), ""), "spdx-tag-value@2.3, syft-json") {
			t.Errorf("%q: error %v, hints %q", name, err, hint.Of(err))
		}
	}
}

// found returns the libraries of a result's one image.
func found(t *testing.T, result sbom.Result) []string {
	t.Helper()
	bom := readCycloneDX(t, result.Files[1])
	return libraries(bom, bom.Metadata.Component.BOMRef)
}

func TestScopeExcludesAndCatalogers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hidden := layer(t, map[string]string{"app/node_modules/.wh.left-pad": ""})
	pinned := w.push(t, "acme/app", platformImage(t, "linux/amd64", ownLayer(t, "x86_64", "musl@1.2.5-r0"), sharedLayer(t), hidden))
	for name, test := range map[string]struct {
		change func(*sbom.Config)
		want   []string
	}{
		"as a container sees it": {func(*sbom.Config) {}, []string{"lodash@4.17.21", "musl@1.2.5-r0", "requests@2.31.0"}},
		"all layers":             {func(c *sbom.Config) { c.Scope = sbom.AllLayers }, []string{"left-pad@1.3.0", "lodash@4.17.21", "musl@1.2.5-r0", "requests@2.31.0"}},
		"a folder less":          {func(c *sbom.Config) { c.Excludes = []sbom.Glob{"/app"} }, []string{"musl@1.2.5-r0", "requests@2.31.0"}},
		"a pattern less":         {func(c *sbom.Config) { c.Excludes = []sbom.Glob{"**/*.dist-info", "/lib/apk/db/*"} }, []string{"lodash@4.17.21"}},
		"one ecosystem":          {func(c *sbom.Config) { c.Catalogers = []string{"python"} }, []string{"requests@2.31.0"}},
		"one less":               {func(c *sbom.Config) { c.Catalogers = []string{"-apk-db-cataloger"} }, []string{"lodash@4.17.21", "requests@2.31.0"}},
	} {
		cfg := sbom.Config{Images: []image.Pinned{pinned}}
		test.change(&cfg)
		if got := found(t, runWith(t, cfg)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestBadOptionsAreToldWithTheirMend(t *testing.T) {
	t.Parallel()
	var scope sbom.Scope
	if err := scope.UnmarshalText([]byte("everything")); err == nil || !strings.Contains(hint.Of(err)[0], "all-layers") {
		t.Errorf("scope: error %v, hints %q", err, hint.Of(err))
	}
	for pattern, want := range map[string]string{"usr/share": "matches no path", "/a[": "is not a glob"} {
		var glob sbom.Glob
		if err := glob.UnmarshalText([]byte(pattern)); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 {
			t.Errorf("excludes: error %v, want %q", err, want)
		}
	}
	d, _ := deps(t)
	// No registry is asked for an image before that is known.
	cfg := sbom.Config{Images: []image.Pinned{{}}, Catalogers: []string{"pythn"}}
	if _, err := sbom.Run(t.Context(), cfg, d); err == nil || !strings.Contains(err.Error(), `input "select-catalogers"`) || !strings.Contains(err.Error(), "pythn") {
		t.Errorf("select-catalogers: error %v", err)
	}
}

// writeArchive packs the files below dir into a tar file.
func writeArchive(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "image.tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(file)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestArchiveGivesTheSameDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := release(t)
	d, _ := deps(t)
	want := run(t, d, w.push(t, "acme/app", all))
	archive := writeArchive(t, writeLayout(t, all, w.host+"/acme/app:latest"))
	got := runWith(t, sbom.Config{Archive: archive})
	for i, path := range got.Files {
		if !bytes.Equal(read(t, path), read(t, want.Files[i])) {
			t.Errorf("%s isn't the same as that of the registry", filepath.Base(path))
		}
	}
	if len(got.Files) != 8 || !strings.Contains(got.Summary(), "Read from the archive") {
		t.Errorf("files %q, summary\n%s", got.Files, got.Summary())
	}
}

// TestArchiveOfOldDocker describes what docker save wrote before it had manifests.
func TestArchiveOfOldDocker(t *testing.T) {
	t.Parallel()
	img := platformImage(t, "linux/arm64", ownLayer(t, "aarch64", "musl@1.2.5-r0"), sharedLayer(t))
	dir := t.TempDir()
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for i, l := range layers {
		names = append(names, string(rune('a'+i))+".tar")
		content := uncompressed(t, l)
		write(names[i], content)
		if file.RootFS.DiffIDs[i], _, err = v1.SHA256(bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	config, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	write("config.json", config)
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{"acme/app:1"}, "Layers": names}})
	if err != nil {
		t.Fatal(err)
	}
	write("manifest.json", manifest)
	result := runWith(t, sbom.Config{Archive: writeArchive(t, dir)})
	if got, want := found(t, result), []string{"left-pad@1.3.0", "lodash@4.17.21", "musl@1.2.5-r0", "requests@2.31.0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if root := readCycloneDX(t, result.Files[1]).Metadata.Component; root.Name != "docker.io/acme/app" || !strings.Contains(root.PackageURL, "arch=arm64") {
		t.Errorf("root is %+v", root)
	}
}

// uncompressed returns the tar file in a layer of layer.
func uncompressed(t *testing.T, l v1.Layer) []byte {
	t.Helper()
	body, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
