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
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/outdir"
	"github.com/org/release-actions/internal/registry"
)

// Deps are what the step works with.
type Deps struct {
	Registry *registry.Client
	// TempDir is where layers are kept while they are read, and where the
	// documents go without an output directory.
	TempDir string
	// Room is what layers may take when they are unpacked, in bytes; where it is
	// zero that is a quarter of what is free, since syft copies them.
	Room int64
	// Created is the time that the documents say they were made at. Where it
	// is zero that is the creation time of their image.
	Created time.Time
	// GitHub takes the packages for its dependency graph, as of Job.
	GitHub *ghapi.Client
	Job    job.Job
	Log    *slog.Logger
}

// Run writes the documents of the images' digest to the output directory. It
// writes all of them or returns an error.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	temp, err := os.MkdirTemp(d.TempDir, "sbom-")
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = os.RemoveAll(temp) }() // the runner clears its temporary directory, too
	if err := checkSnapshots(cfg, d); err != nil {
		return Result{}, err
	}
	c, err := newCataloguer(ctx, cfg, d, temp)
	if err != nil {
		return Result{}, err
	}
	from, err := newSource(cfg, d)
	if err != nil {
		return Result{}, err
	}
	img := from.subject()
	tasks, err := c.open(ctx, from)
	if err != nil {
		return Result{}, err
	}
	since, earlier, err := c.earlier(ctx, d, img)
	if err != nil {
		return Result{}, err
	}
	c.dir = cmp.Or(cfg.OutputDir, filepath.Join(d.TempDir, "sbom", img.Digest.Hex()[:12]))
	if err := outdir.Make("output-dir", c.dir); err != nil {
		return Result{}, err
	}
	found, err := c.all(ctx, append(tasks, earlier...))
	if err != nil {
		return Result{}, err
	}
	found, before := found[:len(tasks):len(tasks)], found[len(tasks):]
	result := report(cfg, found)
	if tasks[0].about.image.Digest != img.Digest { // it is an index
		index, err := c.index(img, found)
		if err != nil {
			return Result{}, err
		}
		result.add(index)
	}
	c.warnOfSize(result.Files)
	if len(earlier) > 0 {
		result.changes = compare(since, before, found)
		if result.Changes, err = result.changes.save(c.dir); err != nil {
			return Result{}, err
		}
	}
	if cfg.DependencySnapshot {
		err = submit(ctx, d, found)
	}
	return result, err
}

// all catalogues the images, several at once.
func (c *cataloguer) all(ctx context.Context, tasks []task) ([]catalogue, error) {
	found := make([]catalogue, len(tasks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, t := range tasks {
		group.Go(func() (err error) {
			if found[i], err = c.platform(ctx, t); err != nil {
				return fmt.Errorf("catalogue %s of %q: %w", t.about.platform, t.about.image, err)
			}
			return nil
		})
	}
	return found, group.Wait()
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
