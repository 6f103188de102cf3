package sbom

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	stereoscope "github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spdx/tools-golang/spdx"
	_ "modernc.org/sqlite" // syft reads the databases of RPM and Nix through database/sql

	"github.com/org/release-actions/internal/image"
)

// catalogue is what was found in the image of one platform, in both formats.
type catalogue struct {
	about    subject
	packages map[string]int // by ecosystem, as syft names them
	spdx     *spdx.Document
	cdx      *cyclonedx.BOM
}

// cataloguer makes catalogues of images that may share layers.
type cataloguer struct {
	source  source
	temp    string
	created time.Time
	config  *syft.CreateSBOMConfig
	log     *slog.Logger
}

// newCataloguer returns a cataloguer and the context to use it under.
func newCataloguer(ctx context.Context, d Deps, from source, temp string) (context.Context, *cataloguer, error) {
	config := syft.DefaultCreateSBOMConfig()
	// SPDX wants the SHA-1 of each file, and makes a package's verification code of them.
	config.Files = config.Files.WithHashers(crypto.SHA1, crypto.SHA256)
	// What a cataloguer couldn't parse is of interest, not every file without a package.
	config.Unknowns = cataloging.UnknownsConfig{RemoveWhenPackagesDefined: true}
	// One scanner for licence texts serves all platforms; to make it takes a while.
	ctx, err := syft.SetContextLicenseScanner(ctx, config.Licenses)
	if err != nil {
		return nil, nil, err
	}
	return ctx, &cataloguer{
		source:  from,
		temp:    temp,
		created: d.Created,
		config:  config,
		log:     d.Log,
	}, nil
}

// platform catalogues the image p, which an index has for platform.
func (c *cataloguer) platform(ctx context.Context, p image.Pinned, platform image.Platform) (catalogue, error) {
	img, err := c.source.open(ctx, p.Digest)
	if err != nil {
		return catalogue{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return catalogue{}, err
	}
	about := subject{image: p, platform: platform, created: c.created}
	if about.created.IsZero() {
		about.created = config.Created.Time
	}
	if about.created.IsZero() { // as reproducible builds leave it
		about.created = time.Unix(0, 0)
	}
	content, err := c.read(ctx, p, img)
	if err != nil {
		return catalogue{}, err
	}
	found := catalogue{about: about, packages: map[string]int{}, spdx: toSPDX(about, content), cdx: toCycloneDX(about, content)}
	for pkg := range content.Artifacts.Packages.Enumerate() {
		found.packages[string(pkg.Type)]++
	}
	c.warn(platform, content)
	return found, nil
}

// read has syft catalogue the image. Its layers are unpacked to disk and gone
// when it returns.
func (c *cataloguer) read(ctx context.Context, p image.Pinned, img v1.Image) (*sbom.SBOM, error) {
	dir, err := os.MkdirTemp(c.temp, "image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // its parent goes next
	read := stereoscope.New(img, nil, dir, stereoscope.WithManifestDigest(string(p.Digest)))
	if err := read.Read(ctx); err != nil {
		return nil, err
	}
	src := stereoscopesource.New(read, stereoscopesource.ImageConfig{Reference: p.String()})
	defer func() { _ = src.Close() }() // it was only read
	found, err := syft.CreateSBOM(ctx, src, c.config)
	// syft stops early, but not always with an error.
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return found, err
}

// warn says what a reader of the documents should know.
func (c *cataloguer) warn(platform image.Platform, content *sbom.SBOM) {
	if content.Artifacts.Packages.PackageCount() == 0 {
		c.log.Warn("no packages were found: the documents name the image only", "platform", platform.String())
	}
	if unknowns := content.Artifacts.Unknowns; len(unknowns) > 0 {
		byPath := func(a, b file.Coordinates) int { return strings.Compare(a.RealPath, b.RealPath) }
		first := slices.SortedFunc(maps.Keys(unknowns), byPath)[0]
		c.log.Warn("some files could not be read for packages", "platform", platform.String(), "files", len(unknowns),
			"first", first.RealPath, "reason", strings.Join(unknowns[first], "; "))
	}
}

// base is the path of the catalogue's files in dir, without their suffix.
func (c *catalogue) base(dir string) string {
	return filepath.Join(dir, "sbom-"+c.about.platform.Slug())
}

// files are the paths that write writes to.
func (c *catalogue) files(dir string) []string {
	return []string{c.base(dir) + spdxSuffix, c.base(dir) + cdxSuffix}
}

// write writes both documents, and then forgets the files in them: the index
// is described by packages.
func (c *catalogue) write(dir string) error {
	files := c.files(dir)
	if err := writeSPDX(files[0], c.about, c.spdx); err != nil {
		return err
	}
	if err := writeCycloneDX(files[1], c.about, c.cdx); err != nil {
		return err
	}
	c.spdx.Files = nil
	components := slices.DeleteFunc(*c.cdx.Components, isFile)
	c.cdx.Components = &components
	return nil
}

// save writes a document with write to the file at path.
func save(path string, write func(*os.File) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		_ = file.Close() // the first error is the one to tell
		return fmt.Errorf("write %q: %w", path, err)
	}
	return file.Close()
}
