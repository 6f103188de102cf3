package sbom

import (
	"cmp"
	"io"
	"slices"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/format/common/cyclonedxhelpers"
	"github.com/anchore/syft/syft/sbom"
)

const (
	cdxSuffix = ".cdx.json"
	toolName  = "release-actions"
)

// toCycloneDX returns the content as a CycloneDX document about about.
func toCycloneDX(about subject, content *sbom.SBOM) *cyclonedx.BOM {
	bom := cyclonedxhelpers.ToFormatModel(*content)
	tellCycloneDX(bom, content)
	*bom.Metadata.Tools.Components = append(*bom.Metadata.Tools.Components,
		cyclonedx.Component{Type: cyclonedx.ComponentTypeApplication, Name: toolName})
	root := cdxComponent(about)
	bom.Metadata.Component = &root
	dependOn(bom, root.BOMRef, *bom.Components)
	return bom
}

// cdxComponent is the component that stands for the image or index itself.
func cdxComponent(about subject) cyclonedx.Component {
	c := cyclonedx.Component{
		BOMRef:      about.purl(),
		Type:        cyclonedx.ComponentTypeContainer,
		Name:        about.name(),
		Version:     string(about.image.Digest),
		Description: about.description(),
		Hashes:      &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: about.image.Digest.Hex()}},
		PackageURL:  about.purl(),
	}
	if platform := about.platform.String(); about.platform.Arch != "" {
		c.Properties = &[]cyclonedx.Property{{Name: toolName + ":platform", Value: platform}}
	}
	return c
}

// dependOn has the component with the given reference depend on all others
// that are no files. Programs that read a document from its root find them so.
func dependOn(bom *cyclonedx.BOM, ref string, others []cyclonedx.Component) {
	refs := []string{}
	for _, c := range others {
		if !isFile(c) {
			refs = append(refs, c.BOMRef)
		}
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	all := append(value(bom.Dependencies), cyclonedx.Dependency{Ref: ref, Dependencies: &refs})
	bom.Dependencies = &all
}

func isFile(c cyclonedx.Component) bool { return c.Type == cyclonedx.ComponentTypeFile }

// value returns what an optional list has.
func value[T any](list *[]T) []T {
	if list == nil {
		return nil
	}
	return *list
}

// mergeCycloneDX returns the document of an index, which depends on the images
// of its platforms, as they do on their packages. It uses the documents of found up.
//
// All components are on one level, and an operating system that platforms have
// in common is there once: Trivy reads no nested components, and refuses two
// operating systems.
func mergeCycloneDX(about subject, found []catalogue) *cyclonedx.BOM {
	bom := cyclonedx.NewBOM()
	root := cdxComponent(about)
	bom.Metadata = &cyclonedx.Metadata{Tools: found[0].cdx.Metadata.Tools, Component: &root}
	var components, images []cyclonedx.Component
	var dependencies []cyclonedx.Dependency
	for _, c := range found {
		// The same package, even the same image, may be there for several platforms.
		refs := map[string]string{}
		prefix := func(component cyclonedx.Component) cyclonedx.Component {
			if component.Type != cyclonedx.ComponentTypeOS {
				refs[component.BOMRef] = c.about.platform.Slug() + "/" + component.BOMRef
				component.BOMRef = refs[component.BOMRef]
			}
			return component
		}
		images = append(images, prefix(*c.cdx.Metadata.Component))
		for _, component := range value(c.cdx.Components) {
			components = append(components, prefix(component))
		}
		for _, d := range value(c.cdx.Dependencies) {
			on := value(d.Dependencies)
			for i, ref := range on {
				on[i] = cmp.Or(refs[ref], ref)
			}
			dependencies = append(dependencies, cyclonedx.Dependency{Ref: cmp.Or(refs[d.Ref], d.Ref), Dependencies: &on})
		}
	}
	components = append(components, images...)
	slices.SortStableFunc(components, byRef)
	components = slices.CompactFunc(components, func(a, b cyclonedx.Component) bool { return byRef(a, b) == 0 })
	bom.Components, bom.Dependencies = &components, &dependencies
	dependOn(bom, root.BOMRef, images)
	return bom
}

func byRef(a, b cyclonedx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) }

// finishCycloneDX orders and names the document, for 1.6: Trivy refuses 1.7.
func finishCycloneDX(about subject, bom *cyclonedx.BOM) {
	components, dependencies := value(bom.Components), value(bom.Dependencies)
	slices.SortFunc(components, byRef)
	slices.SortFunc(dependencies, func(a, b cyclonedx.Dependency) int { return cmp.Compare(a.Ref, b.Ref) })
	bom.Metadata.Timestamp = about.timestamp()
	bom.SerialNumber = about.placeholder().URN()
	// The library's own way would copy it all. It has nothing that only 1.7
	// knows, says the schema that tests hold it against.
	bom.SpecVersion, bom.JSONSchema = cyclonedx.SpecVersion1_6, "http://cyclonedx.org/schema/bom-1.6.schema.json"
}

func encodeCycloneDX(w io.Writer, bom *cyclonedx.BOM) error {
	return cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetEscapeHTML(false).Encode(bom)
}
