package sbom

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/format"
	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/cyclonedxxml"
	"github.com/anchore/syft/syft/format/github"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/format/spdxtagvalue"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/sbom"
	"github.com/spdx/tools-golang/convert"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/v2_1"
	"github.com/spdx/tools-golang/spdx/v2/v2_2"
	"github.com/spdx/tools-golang/spdx/v3/v3_0"
	"github.com/spdx/tools-golang/tagvalue"

	"github.com/org/release-actions/internal/hint"
)

// Format is a format of syft, with the version that it was asked for in: NAME
// or NAME@VERSION.
//
// https://github.com/anchore/syft/wiki/Output-Formats
type Format struct {
	name    string
	encoder sbom.FormatEncoder
}

var encoders = sync.OnceValue(func() *format.EncoderCollection { return format.NewEncoderCollection(format.Encoders()...) })

// always are the formats that every document is written in.
var always = []string{"spdx-json@2.3", "cyclonedx-json@1.6"}

// UnmarshalText parses a name. The newest version is meant where none is said,
// but for the two formats that are there anyhow.
func (f *Format) UnmarshalText(text []byte) error {
	name, _, versioned := strings.Cut(string(text), "@")
	if f.encoder = encoders().GetByString(string(text)); f.encoder == nil {
		return hint.Wrap(fmt.Errorf("%q is no format of syft", text), "formats are %s", strings.Join(encoders().NameVersions(), ", "))
	}
	f.name = string(f.encoder.ID())
	for _, a := range always {
		if a == f.name+"@"+f.encoder.Version() || strings.HasPrefix(a, name+"@") && !versioned {
			f.name = a
			return nil
		}
	}
	if versioned {
		f.name += "@" + f.encoder.Version()
	}
	return nil
}

// String returns the name, without an alias in it.
func (f Format) String() string { return f.name }

// MarshalText returns String.
func (f Format) MarshalText() ([]byte, error) { return []byte(f.name), nil }

// extras returns the formats to write beside the two, each once.
func extras(formats []Format) []Format {
	var extra []Format
	for _, f := range formats {
		same := func(other Format) bool { return other.name == f.name }
		if !slices.Contains(always, f.name) && !slices.ContainsFunc(extra, same) {
			extra = append(extra, f)
		}
	}
	return extra
}

// suffix is what the names of its files end in.
func (f Format) suffix() string {
	ext := ".txt"
	switch f.encoder.ID() {
	case syftjson.ID, github.ID, spdxjson.ID, cyclonedxjson.ID:
		ext = ".json"
	case cyclonedxxml.ID:
		ext = ".xml"
	case spdxtagvalue.ID:
		ext = ".spdx"
	}
	return "." + strings.ReplaceAll(f.name, "@", "-") + ext
}

// Of SPDX and CycloneDX each version is made of the one document, so that they
// all have the same root and identifiers, and there is one for an index, too.

func (f Format) isSPDX() bool {
	return f.encoder.ID() == spdxjson.ID || f.encoder.ID() == spdxtagvalue.ID
}

func (f Format) isCycloneDX() bool {
	return f.encoder.ID() == cyclonedxjson.ID || f.encoder.ID() == cyclonedxxml.ID
}

func (f Format) encodeSPDX(w io.Writer, doc *spdx.Document) error {
	var converted any = doc
	switch f.encoder.Version() {
	case "2.1":
		converted = &v2_1.Document{}
	case "2.2":
		converted = &v2_2.Document{}
	case "3.0":
		converted = &v3_0.Document{}
	}
	if converted != any(doc) {
		if err := convert.Document(doc, converted); err != nil {
			return err
		}
	}
	if f.encoder.ID() == spdxtagvalue.ID {
		return tagvalue.Write(converted, w)
	}
	return encodeSPDX(w, converted)
}

func (f Format) encodeCycloneDX(w io.Writer, bom *cyclonedx.BOM) error {
	file := cyclonedx.BOMFileFormatJSON
	if f.encoder.ID() == cyclonedxxml.ID {
		file = cyclonedx.BOMFileFormatXML
	}
	var version cyclonedx.SpecVersion
	if err := version.UnmarshalJSON([]byte(strconv.Quote(f.encoder.Version()))); err != nil {
		return err
	}
	return cyclonedx.NewBOMEncoder(w, file).SetEscapeHTML(false).EncodeVersion(bom, version)
}

// encode writes the content in a format that only syft knows.
func (f Format) encode(w io.Writer, about subject, content *sbom.SBOM) error {
	if f.encoder.ID() == github.ID {
		return encodeSnapshot(w, about, content)
	}
	return f.encoder.Encode(w, *content)
}
