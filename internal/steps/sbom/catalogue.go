package sbom

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	stereoscope "github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/sbom"
	syftsource "github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	"github.com/spdx/tools-golang/spdx"
	_ "modernc.org/sqlite" // syft reads the databases of RPM and Nix through database/sql

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
)

// catalogue is what was found in the image of one platform, or in all images of
// an index, and where that is written.
type catalogue struct {
	about    subject
	packages []component
	snapshot []byte // as syft makes it for GitHub
	files    []string
	extra    []string // in formats beside the two
	spdx     *spdx.Document
	cdx      *cyclonedx.BOM
}

// cataloguer makes catalogues of images that may share layers.
type cataloguer struct {
	cfg       Config
	temp, dir string
	created   time.Time
	excludes  []string
	config    syft.CreateSBOMConfig
	licenses  func() (context.Context, error)
	layers    *layerStore
	memory    *memory
	log       *slog.Logger
}

// newCataloguer returns a cataloguer of images for which ctx is good.
func newCataloguer(ctx context.Context, cfg Config, d Deps, temp string) (*cataloguer, error) {
	if err := checkCatalogers(ctx, cfg.Catalogers); err != nil {
		return nil, err
	}
	config := syft.DefaultCreateSBOMConfig()
	config.Files.Hashers = nil // see digest
	// What a cataloguer couldn't parse is of interest, not every file without a package.
	config.Unknowns = cataloging.UnknownsConfig{RemoveWhenPackagesDefined: true}
	if cfg.Scope != "" {
		config.Search.Scope = syftsource.Scope(cfg.Scope)
	}
	cfg.Formats = extras(cfg.Formats)
	c := &cataloguer{
		cfg:     cfg,
		temp:    temp,
		created: d.Created,
		config:  *config,
		layers:  newLayerStore(temp, d.Room),
		memory:  newMemory(),
		log:     d.Log,
	}
	for _, glob := range cfg.Excludes {
		c.excludes = append(c.excludes, string(glob))
	}
	// One scanner for licence texts serves all images. To make it takes a while,
	// and can be done while the first layers are fetched.
	c.licenses = sync.OnceValues(func() (context.Context, error) { return syft.SetContextLicenseScanner(ctx, config.Licenses) })
	go func() { _, _ = c.licenses() }() // whoever needs it gets the error
	return c, nil
}

// task is an image to catalogue.
type task struct {
	about   subject
	img     storedImage
	release func() // what it has in the store
	earlier bool   // an image to compare with, of which nothing is written
}

// open returns the images of all platforms that the source has.
func (c *cataloguer) open(ctx context.Context, from source) ([]task, error) {
	platforms, err := from.platforms(ctx)
	if err != nil {
		return nil, err
	}
	img := from.subject()
	if platforms, err = distinct(img, platforms); err != nil {
		return nil, err
	}
	tasks := make([]task, len(platforms))
	err = parallel.Each(platforms, func(n int, p registry.PlatformManifest) (err error) {
		tasks[n], err = c.task(ctx, from, p)
		if err != nil {
			return fmt.Errorf("catalogue %s of %q: %w", p.Platform, img, err)
		}
		return nil
	})
	return tasks, err
}

func (c *cataloguer) task(ctx context.Context, from source, p registry.PlatformManifest) (task, error) {
	img, err := from.open(ctx, p.Digest)
	if err != nil {
		return task{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return task{}, err
	}
	stored, release, err := c.layers.add(img)
	if err != nil {
		return task{}, err
	}
	about := subject{image: from.subject().Repository.Pin(p.Digest), platform: p.Platform, created: c.created}
	if about.created.IsZero() {
		about.created = config.Created.Time
	}
	if about.created.IsZero() { // as reproducible builds leave it
		about.created = time.Unix(0, 0)
	}
	return task{about: about, img: stored, release: release}, nil
}

// platform catalogues an image, and writes its documents.
func (c *cataloguer) platform(ctx context.Context, t task) (catalogue, error) {
	files, err := t.img.fetch()
	if err != nil {
		return catalogue{}, err
	}
	release, err := c.memory.acquire(ctx, files)
	if err != nil {
		return catalogue{}, err
	}
	defer release()
	content, err := c.read(ctx, t)
	if err != nil {
		return catalogue{}, err
	}
	found := catalogue{about: t.about, packages: components(content)}
	if t.earlier {
		return found, nil
	}
	c.warn(t.about.platform, content)
	return found, c.describe(&found, content)
}

// read has syft catalogue the image. Its layers are unpacked to disk and gone
// when it returns.
func (c *cataloguer) read(ctx context.Context, t task) (*sbom.SBOM, error) {
	dir, err := os.MkdirTemp(c.temp, "image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // its parent goes next
	read := stereoscope.New(t.img, nil, dir, stereoscope.WithManifestDigest(string(t.about.image.Digest)))
	err = read.Read(ctx)
	t.release() // syft has a copy
	if err != nil {
		return nil, err
	}
	src := stereoscopesource.New(read, stereoscopesource.ImageConfig{
		Reference: t.about.image.String(), Exclude: syftsource.ExcludeConfig{Paths: slices.Clone(c.excludes)},
	})
	defer func() { _ = src.Close() }() // it was only read
	licenses, err := c.licenses()
	if err != nil {
		return nil, err
	}
	config := c.config
	config.CatalogerSelection = cataloging.NewSelectionRequest().WithExpression(c.cfg.Catalogers...)
	if t.earlier {
		config = *config.WithoutFiles()
	}
	found, err := syft.CreateSBOM(valueContext{ctx, licenses}, src, &config)
	// syft stops early, but not always with an error.
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil || t.earlier {
		return found, err
	}
	files, err := src.FileResolver(config.Search.Scope)
	if err != nil {
		return nil, err
	}
	return found, digest(ctx, files, found)
}

// valueContext ends as one context does, and has the values of another, too.
type valueContext struct {
	context.Context
	values context.Context //nolint:containedctx // that is what it is for
}

// Value implements context.Context.
func (c valueContext) Value(key any) any {
	if value := c.Context.Value(key); value != nil {
		return value
	}
	return c.values.Value(key)
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
	name := "sbom-index"
	if c.about.platform != (image.Platform{}) {
		name = "sbom-" + c.about.platform.Slug()
	}
	return filepath.Join(dir, name)
}
