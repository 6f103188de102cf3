package sbom_test

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/org/release-actions/internal/image"
)

// readSPDX reads a document through tools-golang, and checks that it writes
// the same again.
func readSPDX(t *testing.T, path string) *v2_3.Document {
	t.Helper()
	text := read(t, path)
	var doc v2_3.Document
	if err := spdxjson.ReadInto(bytes.NewReader(text), &doc); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var again bytes.Buffer
	if err := spdxjson.Write(&doc, &again, spdxjson.EscapeHTML(false)); err != nil {
		t.Fatal(err)
	}
	if doc.SPDXVersion != "SPDX-2.3" || !bytes.Equal(text, again.Bytes()) {
		t.Errorf("%s: %s doesn't come through a round trip:\n%s\n%s", path, doc.SPDXVersion, text, &again)
	}
	return &doc
}

// readCycloneDX reads a document through cyclonedx-go, and checks that it
// writes the same again.
func readCycloneDX(t *testing.T, path string) *cyclonedx.BOM {
	t.Helper()
	text := read(t, path)
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(text), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var again bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&again, cyclonedx.BOMFileFormatJSON).SetEscapeHTML(false).Encode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.SpecVersion != cyclonedx.SpecVersion1_6 || !bytes.Equal(text, again.Bytes()) {
		t.Errorf("%s: %s doesn't come through a round trip:\n%s\n%s", path, bom.SpecVersion, text, &again)
	}
	refs := map[string]bool{bom.Metadata.Component.BOMRef: true}
	for _, c := range *bom.Components {
		if refs[c.BOMRef] {
			t.Errorf("%s: there are two components %q", path, c.BOMRef)
		}
		refs[c.BOMRef] = true
	}
	for _, d := range *bom.Dependencies {
		for _, ref := range append(*d.Dependencies, d.Ref) {
			if !refs[ref] {
				t.Errorf("%s: a dependency names %q, which there isn't", path, ref)
			}
		}
	}
	return &bom
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// checkSPDXRoot holds the document to what other steps rely on, and returns
// the element that it describes.
func checkSPDXRoot(t *testing.T, doc *v2_3.Document, purl string, digest image.Digest) common.ElementID {
	t.Helper()
	var described []common.ElementID
	ids := map[common.ElementID]bool{"DOCUMENT": true}
	for _, r := range doc.Relationships {
		if r.Relationship == "DESCRIBES" {
			described = append(described, r.RefB.ElementRefID)
		}
	}
	if len(described) != 1 {
		t.Fatalf("%s describes %q, want one package", doc.DocumentName, described)
	}
	for _, f := range doc.Files {
		ids[f.FileSPDXIdentifier] = true
	}
	for _, p := range doc.Packages {
		if ids[p.PackageSPDXIdentifier] {
			t.Errorf("%s has two packages %q", doc.DocumentName, p.PackageSPDXIdentifier)
		}
		ids[p.PackageSPDXIdentifier] = true
		if p.PackageSPDXIdentifier != described[0] {
			continue
		}
		ref := *p.PackageExternalReferences[0]
		want := v2_3.PackageExternalReference{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: purl}
		if len(p.PackageExternalReferences) != 1 || ref != want {
			t.Errorf("%s refers to %+v, want %+v", doc.DocumentName, ref, want)
		}
		if sum := (common.Checksum{Algorithm: common.SHA256, Value: digest.Hex()}); !slices.Equal(p.PackageChecksums, []common.Checksum{sum}) {
			t.Errorf("%s has checksums %v, want %v", doc.DocumentName, p.PackageChecksums, sum)
		}
	}
	for _, r := range doc.Relationships {
		if !ids[r.RefA.ElementRefID] || !ids[r.RefB.ElementRefID] {
			t.Errorf("%s: %s %s %s names what there isn't", doc.DocumentName, r.RefA.ElementRefID, r.Relationship, r.RefB.ElementRefID)
		}
	}
	return described[0]
}

func checkCycloneDXRoot(t *testing.T, bom *cyclonedx.BOM, purl string, digest image.Digest) {
	t.Helper()
	root := bom.Metadata.Component
	hash := cyclonedx.Hash{Algorithm: cyclonedx.HashAlgoSHA256, Value: digest.Hex()}
	if root.Type != cyclonedx.ComponentTypeContainer || root.PackageURL != purl || !slices.Equal(*root.Hashes, []cyclonedx.Hash{hash}) {
		t.Errorf("root is %+v with hashes %v, want %s", root, *root.Hashes, purl)
	}
}

// related returns the packages that the element is so related to, as
// name@version.
func related(doc *v2_3.Document, id common.ElementID, relationship string) []string {
	names := map[common.ElementID]string{}
	for _, p := range doc.Packages {
		if p.PrimaryPackagePurpose != "OPERATING_SYSTEM" {
			names[p.PackageSPDXIdentifier] = p.PackageName + "@" + p.PackageVersion
		}
	}
	var found []string
	for _, r := range doc.Relationships {
		if name := names[r.RefB.ElementRefID]; name != "" && r.RefA.ElementRefID == id && r.Relationship == relationship {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

func dependencies(bom *cyclonedx.BOM, ref string) []string {
	for _, d := range *bom.Dependencies {
		if d.Ref == ref {
			return *d.Dependencies
		}
	}
	return nil
}

// libraries returns what the component depends on directly, as name@version.
func libraries(bom *cyclonedx.BOM, ref string) []string {
	found := map[string]bool{}
	for _, c := range *bom.Components {
		if c.Type == cyclonedx.ComponentTypeLibrary && slices.Contains(dependencies(bom, ref), c.BOMRef) {
			found[c.Name+"@"+c.Version] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// platformDigests returns the digests of the images of an index by slug.
func platformDigests(t *testing.T, all v1.ImageIndex) map[string]image.Digest {
	t.Helper()
	manifest, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]image.Digest{}
	for _, d := range manifest.Manifests {
		p := image.Platform{OS: d.Platform.OS, Arch: d.Platform.Architecture, Variant: d.Platform.Variant}
		found[p.Slug()] = image.Digest(d.Digest.String())
	}
	return found
}
