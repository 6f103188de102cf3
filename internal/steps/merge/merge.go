// Package merge assembles one index from images that were built elsewhere, each
// on a machine of its own, and pushes it by its digest: no tag moves here.
//
// The index is, byte for byte, what BuildKit writes where one build makes all
// platforms. What was built must be complete in every registry, and be what was
// asked for: a platform that is missing, doubled or foreign stops the step. Where
// an earlier run of the same workflow released the same commit already, its
// image is taken.
package merge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// Config holds the step's inputs.
type Config struct {
	// Images are the repositories that every build was pushed to, and the index is.
	Images  []image.Repository `input:"images,required"`
	Digests []Source           `input:"digests,required"`
	// Platforms are those that the index must have, in its order.
	Platforms   []image.Platform `input:"platforms,required,comma"`
	Annotations Annotations      `input:"annotations"`
	Registry    registry.Credentials

	// ResumeTags are the tags that will be put on the image. The version's own
	// one leads to the image that an earlier run released.
	ResumeTags []image.Ref `input:"resume-tags"`
	// Overwrite says that a released version may change.
	Overwrite bool `input:"overwrite"`
	Trust     sigstore.Trust
	RetryFor  time.Duration `input:"retry-for"`
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	var digests []image.Digest
	for _, s := range c.Digests {
		digests = append(digests, s.Digest)
	}
	return errors.Join(twice("images", c.Images), twice("digests", digests), twice("platforms", c.Platforms), c.Registry.Validate())
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
	// Revision is the commit that was built; nothing is resumed where "".
	Revision string
	// Token returns the runner's OIDC token, which names the workflow whose
	// signature a released image must have.
	Token    sigstore.TokenSource
	Sigstore sigstore.Options
	Log      *slog.Logger
}

// Run makes the index that cfg describes, or finds the one that an earlier run
// released.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	released, err := d.released(ctx, cfg)
	if err != nil {
		return Result{}, err
	}
	if released.Digest != "" {
		d.Log.Info("the digests of this run's builds are left aside")
		return finish(ctx, cfg, d, released.Digest, nil)
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

// released returns the index that an earlier run released from this commit, or
// a zero Manifest.
func (d Deps) released(ctx context.Context, cfg Config) (registry.Manifest, error) {
	if cfg.Overwrite {
		return registry.Manifest{}, nil
	}
	return evidence.Earlier{
		Registry: d.Registry, Images: cfg.Images, Platforms: cfg.Platforms, Tags: cfg.ResumeTags, Revision: d.Revision,
		Token: d.Token, Trust: cfg.Trust, Sigstore: d.Sigstore, Log: d.Log,
	}.Find(ctx)
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
