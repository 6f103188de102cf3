package sbom

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/format/common/spdxhelpers"
	"github.com/anchore/syft/syft/sbom"
	"github.com/spdx/tools-golang/spdx"

	"github.com/org/release-actions/internal/image"
)

const (
	spdxSuffix = ".spdx.json"

	// https://spdx.github.io/spdx-spec/v2.3/relationships-between-SPDX-elements/
	describes = "DESCRIBES"
	contains  = "CONTAINS"
	variantOf = "VARIANT_OF"

	documentElement = spdx.ElementID("DOCUMENT")
	noAssertion     = "NOASSERTION"
)

// toSPDX returns the content as an SPDX document that describes about.
func toSPDX(about subject, content *sbom.SBOM) *spdx.Document {
	doc := spdxhelpers.ToFormatModel(*content)
	doc.CreationInfo.Creators = creators(content.Descriptor)
	root := spdxRoot(doc)
	for i, p := range doc.Packages {
		if p.PackageSPDXIdentifier == root {
			doc.Packages[i] = spdxPackage(about, root)
		}
	}
	tellSPDX(doc, about, content)
	return doc
}

// creators names the programs that made a document.
func creators(syft sbom.Descriptor) []spdx.Creator {
	return []spdx.Creator{
		{CreatorType: "Tool", Creator: toolName},
		// A test binary doesn't know the version.
		{CreatorType: "Tool", Creator: strings.TrimSuffix(syft.Name+"-"+syft.Version, "-")},
	}
}

// spdxRoot returns the element that the document describes.
func spdxRoot(doc *spdx.Document) spdx.ElementID {
	for _, r := range doc.Relationships {
		if r.Relationship == describes && r.RefA.ElementRefID == documentElement {
			return r.RefB.ElementRefID
		}
	}
	return ""
}

// spdxPackage is the package that stands for the image or index itself.
func spdxPackage(about subject, id spdx.ElementID) *spdx.Package {
	return &spdx.Package{
		PackageSPDXIdentifier: id,
		PackageName:           about.name(),
		PackageVersion:        string(about.image.Digest),
		PackageSummary:        about.description(),
		PrimaryPackagePurpose: "CONTAINER",
		PackageChecksums:      []spdx.Checksum{{Algorithm: spdx.SHA256, Value: about.image.Digest.Hex()}},
		PackageExternalReferences: []*spdx.PackageExternalReference{
			{Category: spdx.CategoryPackageManager, RefType: spdx.PackageManagerPURL, Locator: about.purl()},
		},
		PackageSupplier:         &spdx.Supplier{Supplier: noAssertion},
		PackageDownloadLocation: noAssertion,
		PackageLicenseConcluded: noAssertion,
		PackageLicenseDeclared:  noAssertion,
		PackageCopyrightText:    noAssertion,
	}
}

// mergeSPDX returns the document of an index: it contains the images of its
// platforms, and they contain their packages. It uses the documents of found up.
func mergeSPDX(about subject, found []catalogue) *spdx.Document {
	const root = spdx.ElementID("Index")
	first := found[0].spdx
	doc := &spdx.Document{
		SPDXVersion:    first.SPDXVersion,
		DataLicense:    first.DataLicense,
		SPDXIdentifier: documentElement,
		CreationInfo:   &spdx.CreationInfo{LicenseListVersion: first.CreationInfo.LicenseListVersion, Creators: first.CreationInfo.Creators},
		Packages:       []*spdx.Package{spdxPackage(about, root)},
		Relationships:  []*spdx.Relationship{relate(documentElement, describes, root)},
	}
	for _, c := range found {
		child := c.spdx
		rename(child, c.about.platform)
		img := spdxRoot(child)
		doc.Packages = append(doc.Packages, child.Packages...)
		doc.Relationships = append(doc.Relationships, relate(root, contains, img), relate(img, variantOf, root))
		for _, r := range child.Relationships {
			if r.RefA.ElementRefID != documentElement {
				doc.Relationships = append(doc.Relationships, r)
			}
		}
		doc.OtherLicenses = append(doc.OtherLicenses, child.OtherLicenses...)
	}
	// A licence's identifier comes from its text or name: one of each will do.
	slices.SortStableFunc(doc.OtherLicenses, byLicense)
	doc.OtherLicenses = slices.CompactFunc(doc.OtherLicenses, func(a, b *spdx.OtherLicense) bool { return byLicense(a, b) == 0 })
	return doc
}

// dropFiles drops what is about files.
func dropFiles(doc *spdx.Document) {
	files := map[spdx.ElementID]bool{}
	for _, f := range doc.Files {
		files[f.FileSPDXIdentifier] = true
	}
	doc.Files = nil
	doc.Relationships = slices.Clip(slices.DeleteFunc(doc.Relationships, func(r *spdx.Relationship) bool {
		return files[r.RefA.ElementRefID] || files[r.RefB.ElementRefID]
	}))
	for _, p := range doc.Packages {
		p.FilesAnalyzed, p.PackageVerificationCode, p.Files = false, nil, nil
	}
}

// rename makes a platform's packages ready for a document of several platforms,
// where the same package occurs more than once.
func rename(doc *spdx.Document, platform image.Platform) {
	prefix := spdx.ElementID(platform.Slug()) + "-"
	for _, p := range doc.Packages {
		p.PackageSPDXIdentifier = prefix + p.PackageSPDXIdentifier
	}
	for _, r := range doc.Relationships {
		for _, ref := range []*spdx.ElementID{&r.RefA.ElementRefID, &r.RefB.ElementRefID} {
			if *ref != documentElement {
				*ref = prefix + *ref
			}
		}
	}
}

func relate(a spdx.ElementID, relationship string, b spdx.ElementID) *spdx.Relationship {
	return &spdx.Relationship{
		RefA: spdx.DocElementID{ElementRefID: a}, Relationship: relationship, RefB: spdx.DocElementID{ElementRefID: b},
	}
}

func byLicense(a, b *spdx.OtherLicense) int {
	return cmp.Compare(a.LicenseIdentifier, b.LicenseIdentifier)
}

// finishSPDX orders and names the document.
func finishSPDX(about subject, doc *spdx.Document) {
	slices.SortFunc(doc.Packages, func(a, b *spdx.Package) int { return cmp.Compare(a.PackageSPDXIdentifier, b.PackageSPDXIdentifier) })
	slices.SortFunc(doc.Relationships, func(a, b *spdx.Relationship) int {
		return cmp.Or(
			cmp.Compare(a.RefA.ElementRefID, b.RefA.ElementRefID),
			cmp.Compare(a.Relationship, b.Relationship),
			cmp.Compare(a.RefB.ElementRefID, b.RefB.ElementRefID),
			cmp.Compare(a.RelationshipComment, b.RelationshipComment),
		)
	})
	doc.CreationInfo.Created = about.timestamp()
	doc.DocumentName = about.image.String()
	// The prefix is what the specification has for creators without a site of their own:
	// https://spdx.github.io/spdx-spec/v2.3/document-creation-information/#65-spdx-document-namespace-field
	doc.DocumentNamespace = "https://spdx.org/spdxdocs/" + about.name() + "-" + about.placeholder().String()
}

func encodeSPDX(w io.Writer, doc any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(doc)
}
