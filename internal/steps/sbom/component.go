package sbom

import (
	"cmp"
	"slices"

	"github.com/anchore/packageurl-go"
	"github.com/anchore/syft/syft/sbom"
)

// component is a package, as summaries and comparisons need it.
type component struct {
	ecosystem     string // as syft names it
	name, version string
	purl          string
	licenses      []string // as SPDX names them, where it does
}

func components(content *sbom.SBOM) []component {
	var all []component
	for p := range content.Artifacts.Packages.Enumerate() {
		c := component{ecosystem: string(p.Type), name: p.Name, version: p.Version, purl: p.PURL}
		for _, l := range p.Licenses.ToSlice() {
			if name := cmp.Or(l.SPDXExpression, l.Value); name != "" {
				c.licenses = append(c.licenses, name)
			}
		}
		slices.Sort(c.licenses)
		c.licenses = slices.Compact(c.licenses)
		all = append(all, c)
	}
	return all
}

// identity names the package whatever its version: it is the package URL
// without version, and without those qualifiers that change with one.
func (c component) identity() string {
	purl, err := packageurl.FromString(c.purl)
	if err != nil {
		return c.ecosystem + ":" + c.name
	}
	purl.Version = ""
	purl.Qualifiers = slices.DeleteFunc(purl.Qualifiers, func(q packageurl.Qualifier) bool { return q.Key != "arch" })
	return purl.ToString()
}
