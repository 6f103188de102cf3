// Package sbom describes the images of a release: for every platform one
// catalogue of its packages, made once by syft as a library and written as
// SPDX 2.3 and CycloneDX 1.6, and for an index two documents more that relate
// it to its platforms and all their packages.
//
// Each document has the digest that it is about in its root, and depends on
// nothing but that digest, the repository's name and the version of syft: equal
// images give equal bytes.
package sbom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// atOnce bounds the platforms that are catalogued at the same time: each holds
// its file tree and packages in memory.
const atOnce = 2

// Config are the inputs of the step.
type Config struct {
	// Images name one digest in several repositories. The first is read, and
	// is the one that the documents name.
	Images []image.Pinned `input:"images,arg"`
	// Layout is an OCI layout, in place of Images.
	Layout    string        `input:"layout"`
	OutputDir string        `input:"output-dir"`
	RetryFor  time.Duration `input:"retry-for"`
	Registry  registry.Credentials
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	errs := []error{image.SameDigest(c.Images), c.Registry.Validate()}
	switch {
	case len(c.Images) == 0 && c.Layout == "":
		errs = append(errs, hint.New("neither input \"images\" nor \"layout\" says which image to describe",
			"give the output \"images\" of build-push, or its output \"layout\" where the image isn't pushed"))
	case len(c.Images) > 0 && c.Layout != "":
		errs = append(errs, hint.New("inputs \"images\" and \"layout\" name two places for one image", "leave out one of them"))
	}
	return errors.Join(errs...)
}

// Deps are what the step works with.
type Deps struct {
	Registry *registry.Client
	// TempDir is where layers are kept while they are read, and where the
	// documents go without an output directory.
	TempDir string
	// Created is the time that the documents say they were made at. Where it
	// is zero that is the creation time of their image.
	Created time.Time
	Log     *slog.Logger
}

// Run writes the documents of the images' digest to the output directory. It
// writes all of them or returns an error.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	temp, err := os.MkdirTemp(d.TempDir, "sbom-")
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = os.RemoveAll(temp) }() // the runner clears its temporary directory, too
	from, err := newSource(cfg, d, temp)
	if err != nil {
		return Result{}, err
	}
	img := from.subject()
	platforms, err := from.platforms(ctx)
	if err != nil {
		return Result{}, err
	}
	if platforms, err = distinct(img, platforms); err != nil {
		return Result{}, err
	}
	dir := cmp.Or(cfg.OutputDir, filepath.Join(d.TempDir, "sbom", img.Digest.Hex()[:12]))
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the documents get published
		return Result{}, fmt.Errorf("input \"output-dir\": %w", err)
	}
	ctx, c, err := newCataloguer(ctx, d, from, temp)
	if err != nil {
		return Result{}, err
	}

	found := make([]catalogue, len(platforms))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, p := range platforms {
		group.Go(func() (err error) {
			found[i], err = c.platform(groupCtx, img.Repository.Pin(p.Digest), p.Platform)
			if err != nil {
				return fmt.Errorf("catalogue %s of %q: %w", p.Platform, img, err)
			}
			return found[i].write(dir)
		})
	}
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	result := report(dir, found)
	result.layout = cfg.Layout
	if platforms[0].Digest == img.Digest { // one image, no index
		return result, nil
	}
	files, err := writeIndex(dir, img, found)
	result.Files = append(result.Files, files...)
	return result, err
}

// distinct returns each image once, for the first of the platforms that it is
// there for. It checks that there is one, and that each names files of its own.
func distinct(img image.Pinned, platforms []registry.PlatformManifest) ([]registry.PlatformManifest, error) {
	var images []registry.PlatformManifest
	for _, p := range platforms {
		if slices.ContainsFunc(images, func(other registry.PlatformManifest) bool { return other.Digest == p.Digest }) {
			continue
		}
		for _, other := range images {
			if other.Platform.Slug() == p.Platform.Slug() {
				return nil, hint.Wrap(fmt.Errorf("index %q has two images for %s: %s and %s", img, p.Platform, other.Digest, p.Digest),
					"describe each image by its own digest, in a step and an \"output-dir\" for each")
			}
		}
		images = append(images, p)
	}
	if len(images) == 0 {
		return nil, hint.Wrap(fmt.Errorf("index %q has no image for any platform", img), "give an index that a build pushed")
	}
	return images, nil
}

// writeIndex writes the two documents of the index img, whose platforms were
// found, and returns their paths.
func writeIndex(dir string, img image.Pinned, found []catalogue) ([]string, error) {
	about := subject{image: img}
	for _, c := range found {
		if c.about.created.After(about.created) {
			about.created = c.about.created
		}
	}
	base := filepath.Join(dir, "sbom-index")
	files := []string{base + spdxSuffix, base + cdxSuffix}
	if err := writeSPDX(files[0], about, mergeSPDX(about, found)); err != nil {
		return nil, err
	}
	return files, writeCycloneDX(files[1], about, mergeCycloneDX(about, found))
}
