package sbom_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/steps/sbom"
)

// what the platforms of release have, as name@version.
var wanted = map[string][]string{
	"linux-amd64":  {"busybox@1.36.1-r29", "left-pad@1.3.0", "lodash@4.17.21", "musl@1.2.5-r0", "requests@2.31.0"},
	"linux-arm64":  {"busybox@1.36.1-r29", "left-pad@1.3.0", "lodash@4.17.21", "musl@1.2.5-r0", "requests@2.31.0"},
	"linux-arm-v7": {"left-pad@1.3.0", "lodash@4.17.21", "musl@1.2.5-r0", "requests@2.31.0"},
}

// TestRelease looks at what one run makes of three platforms.
func TestRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, shared := release(t)
	pinned := w.push(t, "acme/app", all)
	digests := platformDigests(t, all)
	d, _ := deps(t)
	result := run(t, d, pinned)
	purl := func(d image.Digest, qualifiers string) string {
		return "pkg:oci/app@sha256%3A" + d.Hex() + qualifiers + "repository_url=" + strings.ReplaceAll(w.host, ":", "%3A") + "%2Facme%2Fapp"
	}
	t.Run("every platform has both documents", func(t *testing.T) { everyPlatform(t, result, digests, purl) })
	t.Run("the index is related to all platforms", func(t *testing.T) { wholeIndex(t, result, digests, pinned.Digest, purl(pinned.Digest, "?")) })
	t.Run("the summary counts by ecosystem", func(t *testing.T) { summary(t, result) })
	t.Run("the shared layer is fetched once", func(t *testing.T) {
		if n := w.blobGets(t, "acme/app", shared); n != 1 {
			t.Errorf("the layer was fetched %d times", n)
		}
	})
}

func everyPlatform(t *testing.T, result sbom.Result, digests map[string]image.Digest, purlOf func(image.Digest, string) string) {
	t.Helper()
	var names []string
	for _, path := range result.Files {
		names = append(names, filepath.Base(path))
	}
	if want := []string{
		"sbom-linux-amd64.spdx.json", "sbom-linux-amd64.cdx.json", "sbom-linux-arm-v7.spdx.json", "sbom-linux-arm-v7.cdx.json",
		"sbom-linux-arm64.spdx.json", "sbom-linux-arm64.cdx.json", "sbom-index.spdx.json", "sbom-index.cdx.json",
	}; !slices.Equal(names, want) {
		t.Errorf("files are %q, want %q", names, want)
	}
	if counts, err := result.Packages.MarshalText(); err != nil || string(counts) != `{"linux/amd64":5,"linux/arm/v7":4,"linux/arm64":5}` {
		t.Errorf("packages are %s, %v", counts, err)
	}
	dir := filepath.Dir(result.Files[0])
	for slug, packages := range wanted {
		purl := purlOf(digests[slug], "?arch="+strings.Split(slug, "-")[1]+"&")
		doc := readSPDX(t, filepath.Join(dir, "sbom-"+slug+".spdx.json"))
		root := checkSPDXRoot(t, doc, purl, digests[slug])
		if got := related(doc, root, "CONTAINS"); !slices.Equal(got, packages) {
			t.Errorf("%s: SPDX has %q, want %q", slug, got, packages)
		}
		if !slices.ContainsFunc(doc.Files, func(f *v2_3.File) bool {
			return f.FileName == "etc/musl.conf" && f.Checksums[0].Algorithm == common.SHA1
		}) {
			t.Errorf("%s: SPDX lacks the files of packages with their SHA-1", slug)
		}
		bom := readCycloneDX(t, filepath.Join(dir, "sbom-"+slug+".cdx.json"))
		checkCycloneDXRoot(t, bom, purl, digests[slug])
		if got := libraries(bom, bom.Metadata.Component.BOMRef); !slices.Equal(got, packages) {
			t.Errorf("%s: CycloneDX has %q, want %q", slug, got, packages)
		}
	}
}

func wholeIndex(t *testing.T, result sbom.Result, digests map[string]image.Digest, digest image.Digest, purl string) {
	t.Helper()
	dir := filepath.Dir(result.Files[0])
	doc := readSPDX(t, filepath.Join(dir, "sbom-index.spdx.json"))
	root := checkSPDXRoot(t, doc, purl, digest)
	images := map[string]v2_3.Package{}
	for _, p := range doc.Packages {
		if p.PrimaryPackagePurpose == "CONTAINER" && p.PackageSPDXIdentifier != root {
			images[p.PackageVersion] = *p
		}
	}
	for slug, packages := range wanted {
		img := images[string(digests[slug])]
		if got := related(doc, img.PackageSPDXIdentifier, "CONTAINS"); !slices.Equal(got, packages) {
			t.Errorf("%s: SPDX has %q, want %q", slug, got, packages)
		}
		name := []string{img.PackageName + "@" + img.PackageVersion}
		if !slices.Contains(related(doc, root, "CONTAINS"), name[0]) {
			t.Errorf("%s: SPDX doesn't have the index contain it", slug)
		}
		if got := related(doc, img.PackageSPDXIdentifier, "VARIANT_OF"); len(got) != 1 || !strings.HasSuffix(got[0], string(digest)) {
			t.Errorf("%s: SPDX has it a variant of %q", slug, got)
		}
	}
	if len(doc.Files) > 0 {
		t.Errorf("SPDX of the index has %d files", len(doc.Files))
	}

	bom := readCycloneDX(t, filepath.Join(dir, "sbom-index.cdx.json"))
	checkCycloneDXRoot(t, bom, purl, digest)
	systems := 0
	for _, c := range *bom.Components {
		switch c.Type {
		case cyclonedx.ComponentTypeOS:
			systems++
		case cyclonedx.ComponentTypeContainer:
			slug := strings.ReplaceAll((*c.Properties)[0].Value, "/", "-")
			if c.Version != string(digests[slug]) {
				t.Errorf("%s: CycloneDX has %s, want %s", slug, c.Version, digests[slug])
			}
			if got := libraries(bom, c.BOMRef); !slices.Equal(got, wanted[slug]) {
				t.Errorf("%s: CycloneDX has %q, want %q", slug, got, wanted[slug])
			}
			if !slices.Contains(dependencies(bom, bom.Metadata.Component.BOMRef), c.BOMRef) {
				t.Errorf("%s: CycloneDX doesn't have the index depend on it", slug)
			}
		}
	}
	if systems != 1 || len(dependencies(bom, bom.Metadata.Component.BOMRef)) != 3 {
		t.Errorf("CycloneDX has %d operating systems, want 1, and %q", systems, dependencies(bom, bom.Metadata.Component.BOMRef))
	}
}

func TestEqualImagesGiveEqualBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := release(t)
	pinned := w.push(t, "acme/app", all)
	// The second run reads other images before, has other directories, and is
	// told of another repository.
	d, _ := deps(t)
	first := run(t, d, pinned)
	d, _ = deps(t)
	run(t, d, w.push(t, "acme/other", platformImage(t, "linux/amd64", sharedLayer(t))))
	second := run(t, d, pinned, w.push(t, "acme/mirror", all))
	names := map[string]bool{}
	for i, path := range first.Files {
		a, b := read(t, path), read(t, second.Files[i])
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs:\n%s\n%s", filepath.Base(path), a, b)
		}
		if bytes.Contains(a, []byte(d.TempDir)) || bytes.Contains(a, []byte(filepath.Dir(path))) {
			t.Errorf("%s names a directory of this machine", filepath.Base(path))
		}
		if !bytes.Contains(a, []byte(built.Format(time.RFC3339))) {
			t.Errorf("%s lacks the creation time of the image", filepath.Base(path))
		}
		if strings.HasSuffix(path, ".spdx.json") {
			names[readSPDX(t, path).DocumentNamespace] = true
		} else {
			names[readCycloneDX(t, path).SerialNumber] = true
		}
	}
	if len(names) != len(first.Files) {
		t.Errorf("%d documents have %d names", len(first.Files), len(names))
	}
}

func TestGivenTimeIsTheDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, _ := deps(t)
	d.Created = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	result := run(t, d, w.push(t, "acme/app", platformImage(t, "linux/amd64", sharedLayer(t))))
	if doc := readSPDX(t, result.Files[0]); doc.CreationInfo.Created != "2020-01-02T03:04:05Z" {
		t.Errorf("SPDX was created at %s", doc.CreationInfo.Created)
	}
	if bom := readCycloneDX(t, result.Files[1]); bom.Metadata.Timestamp != "2020-01-02T03:04:05Z" {
		t.Errorf("CycloneDX was created at %s", bom.Metadata.Timestamp)
	}
}

func TestSingleImageHasNoIndexDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, _ := deps(t)
	result := run(t, d, w.push(t, "acme/app", platformImage(t, "linux/arm/v7", sharedLayer(t))))
	if len(result.Files) != 2 || filepath.Base(result.Files[0]) != "sbom-linux-arm-v7.spdx.json" {
		t.Errorf("files are %q", result.Files)
	}
}

func TestImageOfSeveralPlatformsIsDescribedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, _ := deps(t)
	img := platformImage(t, "linux/arm/v6", sharedLayer(t))
	result := run(t, d, w.push(t, "acme/app", index(t, map[string]v1.Image{"linux/arm/v6": img, "linux/arm/v7": img})))
	if len(result.Files) != 4 || filepath.Base(result.Files[0]) != "sbom-linux-arm-v6.spdx.json" {
		t.Errorf("files are %q", result.Files)
	}
}

func TestWithoutADirectoryEachImageHasItsOwnInTheTemporaryOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pinned := w.push(t, "acme/app", platformImage(t, "linux/amd64"))
	d, _ := deps(t)
	result, err := sbom.Run(t.Context(), sbom.Config{Images: []image.Pinned{pinned}}, d)
	want := filepath.Join(d.TempDir, "sbom", pinned.Digest.Hex()[:12], "sbom-linux-amd64.spdx.json")
	if err != nil || len(result.Files) != 2 || result.Files[0] != want {
		t.Errorf("files are %q, %v; want %q first", result.Files, err, want)
	}
}

func TestImageWithoutPackagesIsDescribedWithAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, img := range map[string]v1.Image{
		"no-layer":   platformImage(t, "linux/amd64"),
		"no-package": platformImage(t, "linux/amd64", layer(t, map[string]string{"hello": "world"})),
	} {
		d, log := deps(t)
		result := run(t, d, w.push(t, "acme/"+name, img))
		if !strings.Contains(log.String(), "no packages were found") {
			t.Errorf("%s: log is %s", name, log)
		}
		if doc := readSPDX(t, result.Files[0]); len(doc.Packages) != 1 {
			t.Errorf("%s: SPDX has %d packages", name, len(doc.Packages))
		}
		if counts, err := result.Packages.MarshalText(); err != nil || string(counts) != `{"linux/amd64":0}` {
			t.Errorf("%s: packages are %s, %v", name, counts, err)
		}
	}
}

func summary(t *testing.T, result sbom.Result) {
	t.Helper()
	want := strings.ReplaceAll(`## Packages

| platform | apk | npm | python | packages |
|---|--:|--:|--:|--:|
| 'linux/amd64' | 2 | 2 | 1 | 5 |
| 'linux/arm/v7' | 1 | 2 | 1 | 4 |
| 'linux/arm64' | 2 | 2 | 1 | 5 |

### Licences

| licence | packages |
|---|--:|
| 'MIT' | 2 |
| 'Apache 2.0' | 1 |
| 'SEE LICENSE IN x' | 1 |
| 'WTFPL' | 1 |

'''mermaid
pie showData
    title Packages by licence
    "MIT" : 2
    "Apache 2.0" : 1
    "SEE LICENSE IN x" : 1
    "WTFPL" : 1
'''
`, "'", "`")
	if got := result.Summary(); got != want {
		t.Errorf("summary is\n%s\nwant\n%s", got, want)
	}
	var text bytes.Buffer
	if err := result.Print(&text); err != nil || !strings.Contains(text.String(), "linux/arm/v7  1    2    1       4\n") || !strings.HasSuffix(text.String(), "sbom-index.cdx.json\n") {
		t.Errorf("prints %v:\n%s", err, &text)
	}
	if got := (sbom.Result{}).Summary(); got != "" {
		t.Errorf("after a failure the summary is %q", got)
	}
}
