package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

// Document is an SBOM, and what it says it describes.
type Document struct {
	PredicateType string       // intoto.SPDX or intoto.CycloneDX
	Digest        image.Digest // of the image that it describes
	Text          json.RawMessage
}

// Format returns "SPDX" or "CycloneDX".
func (d Document) Format() string { return Format(d.PredicateType) }

// Format names the format of SBOMs of a predicate type.
func Format(predicateType string) string {
	if predicateType == intoto.SPDX {
		return "SPDX"
	}
	return "CycloneDX"
}

// ParseDocument reads an SPDX 2 or CycloneDX document in JSON. What it describes
// is established from its content: the package URL, of the form
// "pkg:oci/NAME@sha256%3A…", of the one package that an SPDX document
// describes, or of a CycloneDX document's metadata.component.
//
// https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md
func ParseDocument(text []byte) (Document, error) {
	if err := intoto.Unambiguous(text); err != nil {
		return Document{}, fmt.Errorf("not a JSON document: %w", err)
	}
	var probe struct {
		SPDXVersion string `json:"spdxVersion"`
		BOMFormat   string `json:"bomFormat"`
	}
	if err := json.Unmarshal(text, &probe); err != nil {
		return Document{}, fmt.Errorf("not an SBOM: %w", err)
	}
	d := Document{Text: text}
	var purls []string
	var err error
	switch {
	case strings.HasPrefix(probe.SPDXVersion, "SPDX-2.") && probe.BOMFormat == "":
		d.PredicateType = intoto.SPDX
		purls, err = spdxPURLs(text)
	case probe.BOMFormat == "CycloneDX" && probe.SPDXVersion == "":
		d.PredicateType = intoto.CycloneDX
		purls, err = cycloneDXPURLs(text)
	default:
		return Document{}, errors.New("neither an SPDX 2 nor a CycloneDX document")
	}
	if err == nil {
		d.Digest, err = purlDigest(purls)
	}
	if err != nil {
		return Document{}, fmt.Errorf("%s document: %w", d.Format(), err)
	}
	return d, nil
}

// spdxPURLs returns the package URLs of the package that the document describes.
// https://spdx.github.io/spdx-spec/v2.3/relationships-between-SPDX-elements/
func spdxPURLs(text []byte) ([]string, error) {
	var doc struct {
		ID            string   `json:"SPDXID"`
		Describes     []string `json:"documentDescribes"`
		Relationships []struct {
			From string `json:"spdxElementId"`
			Type string `json:"relationshipType"`
			To   string `json:"relatedSpdxElement"`
		} `json:"relationships"`
		Packages []struct {
			ID           string `json:"SPDXID"`
			ExternalRefs []struct {
				Type    string `json:"referenceType"`
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	described := doc.Describes
	for _, r := range doc.Relationships {
		switch {
		case r.Type == "DESCRIBES" && r.From == doc.ID:
			described = append(described, r.To)
		case r.Type == "DESCRIBED_BY" && r.To == doc.ID:
			described = append(described, r.From)
		}
	}
	slices.Sort(described)
	described = slices.Compact(described)
	if len(described) != 1 {
		return nil, fmt.Errorf("it describes %d elements, not one", len(described))
	}
	var purls []string
	for _, p := range doc.Packages {
		if p.ID != described[0] {
			continue
		}
		for _, ref := range p.ExternalRefs {
			if ref.Type == "purl" {
				purls = append(purls, ref.Locator)
			}
		}
	}
	return purls, nil
}

func cycloneDXPURLs(text []byte) ([]string, error) {
	var doc struct {
		Metadata struct {
			Component struct {
				PURL string `json:"purl"`
			} `json:"component"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	return []string{doc.Metadata.Component.PURL}, nil
}

// purlDigest returns the digest that the image among purls has. Several must agree.
func purlDigest(purls []string) (image.Digest, error) {
	var digest image.Digest
	for _, purl := range purls {
		rest, ok := strings.CutPrefix(purl, "pkg:oci/")
		if !ok {
			continue
		}
		rest, _, _ = strings.Cut(rest, "#")
		rest, _, _ = strings.Cut(rest, "?")
		_, version, _ := strings.Cut(rest, "@")
		version, err := url.PathUnescape(version)
		if err != nil {
			return "", fmt.Errorf("package URL %q: %w", purl, err)
		}
		d, err := image.ParseDigest(version)
		if err != nil {
			return "", fmt.Errorf("package URL %q: %w", purl, err)
		}
		if digest != "" && digest != d {
			return "", fmt.Errorf("it describes both %s and %s", digest, d)
		}
		digest = d
	}
	if digest == "" {
		return "", errors.New("what it describes has no package URL of an image, pkg:oci/NAME@sha256%3A…")
	}
	return digest, nil
}
