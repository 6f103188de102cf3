package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

// catalogue is what an image and its platforms hold, found out anew, to compare
// SBOMs with. With syft in it, verify's program would be three and a half times
// as large: it stays in the program of the sbom step, and speaks by documents.
type catalogue struct {
	contents map[place]content
	err      error // why there is none
}

// place is where a document belongs.
type place struct {
	digest        image.Digest
	predicateType string
}

// content is what a document says that its image holds.
type content struct {
	tools    []string
	packages map[string]bool // by package URL, else by name and version
}

func newCatalogue(ctx context.Context, d Deps, p image.Pinned) *catalogue {
	c := &catalogue{contents: map[place]content{}}
	c.err = c.fill(ctx, d, p)
	return c
}

func (c *catalogue) fill(ctx context.Context, d Deps, p image.Pinned) error {
	dir, err := os.MkdirTemp(d.TempDir, "verify-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the runner clears its temporary directory, too
	if err := d.Step(ctx, "sbom", Forwarded, "-output-dir", dir, p.String()); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		document, err := evidence.ParseDocument(text)
		if err != nil {
			return fmt.Errorf("%s: %w", entry.Name(), err)
		}
		if c.contents[place{document.Digest, document.PredicateType}], err = contentOf(document); err != nil {
			return fmt.Errorf("%s: %w", entry.Name(), err)
		}
	}
	return nil
}

// compare checks that an attested document names the packages that the image
// holds, no fewer and no more. Programs of different versions find different
// ones, which decides nothing.
func (c *catalogue) compare(document evidence.Document) ([]string, error) {
	if c.err != nil {
		return nil, open{fmt.Errorf("catalogue the image: %w", c.err)}
	}
	holds, ok := c.contents[place{document.Digest, document.PredicateType}]
	if !ok {
		return nil, open{fmt.Errorf("the image's own catalogue has no %s document of %s", document.Format(), document.Digest)}
	}
	says, err := contentOf(document)
	if err != nil {
		return nil, err
	}
	missing, extra := without(holds.packages, says.packages), without(says.packages, holds.packages)
	if len(missing)+len(extra) == 0 {
		return []string{fmt.Sprintf("%d packages as in the image", len(holds.packages))}, nil
	}
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, "lacks "+some(missing)+", which the image has")
	}
	if len(extra) > 0 {
		parts = append(parts, "has "+some(extra)+", which the image has not")
	}
	err = fmt.Errorf("the attested %s document %s", document.Format(), strings.Join(parts, ", and "))
	if !slices.Equal(says.tools, holds.tools) {
		err = open{fmt.Errorf("%w; it was made by %q, and this catalogue by %q", err, says.tools, holds.tools)}
	}
	return nil, err
}

// without returns what a has and b has not, sorted.
func without(a, b map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a)), func(name string) bool { return b[name] })
}

// some names the first of many.
func some(names []string) string {
	const most = 3
	text := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func contentOf(d evidence.Document) (content, error) {
	if d.PredicateType == intoto.SPDX {
		return spdxContent(d.Text)
	}
	return cycloneDXContent(d.Text)
}

// spdxContent leaves out the images that the packages are in.
func spdxContent(text []byte) (content, error) {
	var doc struct {
		CreationInfo struct {
			Creators []string `json:"creators"`
		} `json:"creationInfo"`
		Packages []struct {
			Name         string `json:"name"`
			Version      string `json:"versionInfo"`
			ExternalRefs []struct {
				Type    string `json:"referenceType"`
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return content{}, err
	}
	c := content{packages: map[string]bool{}}
	for _, creator := range doc.CreationInfo.Creators {
		if tool, ok := strings.CutPrefix(creator, "Tool: "); ok {
			c.tools = append(c.tools, tool)
		}
	}
	for _, p := range doc.Packages {
		purl := ""
		for _, ref := range p.ExternalRefs {
			if ref.Type == "purl" {
				purl = ref.Locator
			}
		}
		c.add(purl, p.Name, p.Version)
	}
	slices.Sort(c.tools)
	return c, nil
}

type cdxComponent struct {
	Type       string         `json:"type"`
	Name       string         `json:"name"`
	Version    string         `json:"version"`
	PURL       string         `json:"purl"`
	Components []cdxComponent `json:"components"`
}

// cycloneDXContent leaves out the images that the packages are in, and files.
func cycloneDXContent(text []byte) (content, error) {
	var doc struct {
		Metadata struct {
			Tools struct {
				Components []cdxComponent `json:"components"`
			} `json:"tools"`
		} `json:"metadata"`
		Components []cdxComponent `json:"components"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return content{}, err
	}
	c := content{packages: map[string]bool{}}
	for _, tool := range doc.Metadata.Tools.Components {
		c.tools = append(c.tools, strings.TrimSuffix(tool.Name+"-"+tool.Version, "-"))
	}
	var walk func([]cdxComponent)
	walk = func(components []cdxComponent) {
		for _, component := range components {
			if component.Type != "file" {
				c.add(component.PURL, component.Name, component.Version)
			}
			walk(component.Components)
		}
	}
	walk(doc.Components)
	slices.Sort(c.tools)
	return c, nil
}

func (c content) add(purl, name, version string) {
	switch {
	case strings.HasPrefix(purl, "pkg:oci/"):
	case purl != "":
		c.packages[purl] = true
	default:
		c.packages[name+"@"+version] = true
	}
}
