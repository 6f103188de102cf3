package sbom

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/spdx/tools-golang/spdx"
)

// Trivy finds in a document what it finds in the image if the document says
// what Trivy's own do: advisories of an operating system are about source
// packages, whose names and versions it reads from properties of its own. That
// of package URLs ("upstream") it doesn't read.
//
// https://github.com/aquasecurity/trivy/blob/v0.69.3/pkg/sbom/core/bom.go
const trivyPrefix = "aquasecurity:trivy:"

type property struct{ name, value string }

// trivyProperties are what Trivy wants to know of a package beside its URL.
func trivyProperties(p pkg.Package) []property {
	switch m := p.Metadata.(type) {
	case pkg.DpkgDBEntry:
		return []property{{"SrcName", cmp.Or(m.Source, p.Name)}, {"SrcVersion", cmp.Or(m.SourceVersion, p.Version)}}
	case pkg.ApkDBEntry:
		return []property{{"SrcName", cmp.Or(m.OriginPackage, p.Name)}, {"SrcVersion", p.Version}}
	case pkg.RpmDBEntry:
		var all []property
		if source := sourceRPM.FindStringSubmatch(m.SourceRpm); source != nil {
			all = []property{{"SrcName", source[1]}, {"SrcVersion", source[2]}, {"SrcRelease", source[3]}}
			if m.Epoch != nil && *m.Epoch != 0 {
				all = append(all, property{"SrcEpoch", strconv.Itoa(*m.Epoch)})
			}
		}
		if m.ModularityLabel != nil && *m.ModularityLabel != "" {
			all = append(all, property{"Modularitylabel", *m.ModularityLabel})
		}
		return all
	}
	// Of a language's package, rules that ignore findings name the file.
	if files := p.Locations.ToSlice(); len(files) > 0 {
		return []property{{"FilePath", strings.TrimPrefix(files[0].RealPath, "/")}}
	}
	return nil
}

// sourceRPM is name-version-release.src.rpm.
var sourceRPM = regexp.MustCompile(`^(.+)-([^-]+)-([^-]+)\.(?:no)?src\.rpm$`)

// tellCycloneDX adds the properties to the components of packages.
func tellCycloneDX(bom *cyclonedx.BOM, content *sbom.SBOM) {
	byRef := map[string]*cyclonedx.Component{}
	for i, c := range *bom.Components {
		// syft ends a package's reference so, or has nothing but the ID.
		_, id, found := strings.Cut(c.BOMRef, "package-id=")
		if id, _, _ = strings.Cut(id, "&"); !found {
			id = c.BOMRef
		}
		byRef[id] = &(*bom.Components)[i]
	}
	for p := range content.Artifacts.Packages.Enumerate() {
		c := byRef[string(p.ID())]
		if c == nil {
			continue
		}
		all := value(c.Properties)
		for _, own := range trivyProperties(p) {
			all = append(all, cyclonedx.Property{Name: trivyPrefix + own.name, Value: own.value})
		}
		c.Properties = &all
	}
}

// tellSPDX adds the properties to the packages, as annotations, and a package
// for the operating system, which syft's documents in SPDX lack.
func tellSPDX(doc *spdx.Document, about subject, content *sbom.SBOM) {
	byID := map[string]*spdx.Package{}
	for _, p := range doc.Packages {
		id := string(p.PackageSPDXIdentifier)
		byID[id[strings.LastIndex(id, "-")+1:]] = p
	}
	for found := range content.Artifacts.Packages.Enumerate() {
		p := byID[string(found.ID())]
		if p == nil {
			continue
		}
		for _, own := range trivyProperties(found) {
			p.Annotations = append(p.Annotations, spdx.Annotation{
				Annotator:         spdx.Annotator{AnnotatorType: "Tool", Annotator: toolName},
				AnnotationDate:    about.timestamp(),
				AnnotationType:    "OTHER",
				AnnotationComment: own.name + ": " + own.value,
			})
		}
	}
	if os := content.Artifacts.LinuxDistribution; os != nil {
		system := operatingSystem(os)
		doc.Packages = append(doc.Packages, system)
		doc.Relationships = append(doc.Relationships, relate(spdxRoot(doc), contains, system.PackageSPDXIdentifier))
	}
}

func operatingSystem(os *linux.Release) *spdx.Package {
	return &spdx.Package{
		PackageSPDXIdentifier:   "OperatingSystem",
		PackageName:             os.ID,
		PackageVersion:          os.VersionID,
		PackageSummary:          os.PrettyName,
		PrimaryPackagePurpose:   "OPERATING_SYSTEM", // as the JSON schema spells it; the text has a hyphen
		PackageSupplier:         &spdx.Supplier{Supplier: noAssertion},
		PackageDownloadLocation: noAssertion,
		PackageLicenseConcluded: noAssertion,
		PackageLicenseDeclared:  noAssertion,
		PackageCopyrightText:    noAssertion,
	}
}
