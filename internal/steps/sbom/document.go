package sbom

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/anchore/syft/syft/sbom"

	"github.com/org/release-actions/internal/image"
)

// maxAttested is the size of the largest document that GitHub's attestations
// take, in bytes.
//
// https://github.com/actions/attest#attest-using-sbom
const maxAttested = 16 << 20

// describe writes all documents about the content, and keeps of them what the
// index needs: it is described by packages, not by files. One model after the
// other, since each is as large as the content.
func (c *cataloguer) describe(found *catalogue, content *sbom.SBOM) error {
	found.spdx = toSPDX(found.about, content)
	if err := c.writeSPDX(found); err != nil {
		return err
	}
	dropFiles(found.spdx)
	found.cdx = toCycloneDX(found.about, content)
	if err := c.writeCycloneDX(found); err != nil {
		return err
	}
	others := slices.DeleteFunc(*found.cdx.Components, isFile)
	others = slices.Clone(others)
	found.cdx.Components = &others
	for _, f := range c.cfg.Formats {
		if !f.isSPDX() && !f.isCycloneDX() {
			if err := c.saveExtra(found, f, func(w io.Writer) error { return f.encode(w, found.about, content) }); err != nil {
				return err
			}
		}
	}
	if !c.cfg.DependencySnapshot {
		return nil
	}
	var snapshot bytes.Buffer
	err := encodeSnapshot(&snapshot, found.about, content)
	found.snapshot = snapshot.Bytes()
	return err
}

// index writes the documents of the index img, whose platforms were found. It
// uses them up.
func (c *cataloguer) index(img image.Pinned, found []catalogue) (catalogue, error) {
	index := catalogue{about: subject{image: img}}
	for _, f := range found {
		if f.about.created.After(index.about.created) {
			index.about.created = f.about.created
		}
	}
	index.spdx, index.cdx = mergeSPDX(index.about, found), mergeCycloneDX(index.about, found)
	if err := c.writeSPDX(&index); err != nil {
		return catalogue{}, err
	}
	return index, c.writeCycloneDX(&index)
}

// writeSPDX writes the SPDX document in each of its versions.
func (c *cataloguer) writeSPDX(found *catalogue) error {
	finishSPDX(found.about, found.spdx)
	path := found.base(c.dir) + spdxSuffix
	found.files = append(found.files, path)
	err := c.save(path, found.about, func(w io.Writer) error { return encodeSPDX(w, found.spdx) })
	for _, f := range c.cfg.Formats {
		if err == nil && f.isSPDX() {
			err = c.saveExtra(found, f, func(w io.Writer) error { return f.encodeSPDX(w, found.spdx) })
		}
	}
	return err
}

// writeCycloneDX writes the CycloneDX document in each of its versions.
func (c *cataloguer) writeCycloneDX(found *catalogue) error {
	finishCycloneDX(found.about, found.cdx)
	path := found.base(c.dir) + cdxSuffix
	found.files = append(found.files, path)
	err := c.save(path, found.about, func(w io.Writer) error { return encodeCycloneDX(w, found.cdx) })
	for _, f := range c.cfg.Formats {
		if err == nil && f.isCycloneDX() {
			err = c.saveExtra(found, f, func(w io.Writer) error { return f.encodeCycloneDX(w, found.cdx) })
		}
	}
	return err
}

func (c *cataloguer) saveExtra(found *catalogue, f Format, encode func(io.Writer) error) error {
	path := found.base(c.dir) + f.suffix()
	found.extra = append(found.extra, path)
	return c.save(path, found.about, encode)
}

// save writes what encode does to the file at path, and gives it its identifier.
func (c *cataloguer) save(path string, about subject, encode func(io.Writer) error) error {
	document, ok := c.buffers.Get().(*bytes.Buffer) // documents are large, and of about one size
	if !ok {
		document = &bytes.Buffer{}
	}
	defer c.buffers.Put(document)
	document.Reset()
	if err := encode(document); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	about.identify(document.Bytes())
	return os.WriteFile(path, document.Bytes(), 0o644)
}

// warnOfSize says which documents others may refuse.
func (c *cataloguer) warnOfSize(paths []string) {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Size() > maxAttested {
			c.log.Warn("the document is larger than what GitHub's attestations take, 16 MiB: leave files out with \"excludes\"",
				"file", path, "bytes", info.Size())
		}
	}
}
