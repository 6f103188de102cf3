// Package merge assembles one index from images that were built elsewhere, each
// on a machine of its own, and pushes it by its digest: no tag moves here.
//
// The index is, byte for byte, what BuildKit writes where one build makes all
// platforms. What was built must be complete in every registry, and be what was
// asked for: a platform that is missing, doubled or foreign stops the step. Where
// an earlier run of the same workflow released the same commit already, as
// preflight finds out, its image is taken.
package merge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
)

// Config holds the step's inputs.
type Config struct {
	// Images are the repositories that every build was pushed to, and the index is.
	Images  []image.Repository `input:"images,required"`
	Digests []Source           `input:"digests"`
	// Platforms are those that the index must have, in its order.
	Platforms   []image.Platform `input:"platforms,required,comma"`
	Annotations Annotations      `input:"annotations"`
	Registry    registry.Credentials

	// Resume is the image that an earlier run released from this commit, which is
	// taken in the place of Digests; "" where there is none.
	Resume   image.Digest  `input:"resume"`
	RetryFor time.Duration `input:"retry-for"`
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	var digests []image.Digest
	for _, s := range c.Digests {
		digests = append(digests, s.Digest)
	}
	var missing error
	if len(c.Digests) == 0 && c.Resume == "" {
		missing = hint.New(`input "digests" is missing`, "give the digest of every build, as in \"linux/amd64=sha256:…\"; or \"resume\", as preflight has it in \"digest\"")
	}
	return errors.Join(missing, twice("images", c.Images), twice("digests", digests), twice("platforms", c.Platforms), c.Registry.Validate())
}

// twice returns an error for each item that input gives more than once.
func twice[T comparable](input string, items []T) error {
	var errs []error
	for i, item := range items {
		if slices.Index(items, item) < i {
			errs = append(errs, fmt.Errorf("input %q: %q is given twice", input, fmt.Sprint(item)))
		}
	}
	return errors.Join(errs...)
}

// Deps are what the step works with.
type Deps struct {
	Registry *registry.Client
	Log      *slog.Logger
}

// Run makes the index that cfg describes, or takes the one that an earlier run
// released.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	if cfg.Resume != "" {
		d.Log.Info("the image that an earlier run released is taken; digests of this run's builds are left aside", "digest", string(cfg.Resume))
		return finish(ctx, cfg, d, cfg.Resume, nil)
	}
	parts, err := gather(ctx, cfg, d.Registry)
	if err != nil {
		return Result{}, err
	}
	index, err := assemble(parts, cfg.Annotations)
	if err != nil {
		return Result{}, err
	}
	if err := parallel.Each(cfg.Images, func(_ int, repo image.Repository) error {
		return d.Registry.PutManifest(ctx, repo, index)
	}); err != nil {
		return Result{}, err
	}
	return finish(ctx, cfg, d, index.Digest, parts)
}

// finish reads the index back from every registry. It was made from parts, or
// found where there are none.
func finish(ctx context.Context, cfg Config, d Deps, digest image.Digest, parts []part) (Result, error) {
	manifests, err := d.Registry.ReadBack(ctx, cfg.Images, digest, cfg.RetryFor)
	if err != nil {
		return Result{}, err
	}
	if manifests, err = registry.InOrder(manifests, cfg.Platforms); err != nil {
		return Result{}, fmt.Errorf("image %q: %w", digest, err)
	}
	r := Result{Digest: digest, manifests: manifests, parts: parts}
	for _, repo := range cfg.Images {
		r.Images = append(r.Images, repo.Pin(digest))
	}
	for _, m := range manifests {
		r.Platforms = append(r.Platforms, m.Platform)
	}
	return r, nil
}
