// Package promote puts tags on a released digest, in all registries or in
// none: it checks everything that it can before the first write, and puts back
// what it moved where a later write fails.
package promote

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
	"github.com/org/release-actions/internal/release"
)

// Config is what the step is asked to do.
type Config struct {
	Images    []image.Pinned `input:"images,required"` // one for each repository, all with one digest
	Tags      []image.Ref    `input:"tags"`
	Version   string         `input:"version"`
	Overwrite bool           `input:"overwrite"`
	RetryFor  time.Duration  `input:"retry-for"`
	Registry  registry.Credentials
}

// Validate checks that the images are one image, and the tags are its.
func (c Config) Validate() error {
	errs := []error{image.SameDigest(c.Images), c.Registry.Validate()}
	for _, tag := range c.Tags {
		switch {
		case tag.Digest != "":
			errs = append(errs, fmt.Errorf("input \"tags\": %q has a digest, which comes from \"images\"", tag))
		case !slices.ContainsFunc(c.Images, func(p image.Pinned) bool { return p.Repository == tag.Repository }):
			errs = append(errs, hint.Wrap(fmt.Errorf("input \"tags\": %q is in no repository of \"images\"", tag),
				"write tags with their repository, as in %q, and push the image there first", c.Images[0].Repository.Tag("1.2.3")))
		}
	}
	return errors.Join(errs...)
}

// Deps are what the step works with.
type Deps struct {
	Registry *registry.Client
	Log      *slog.Logger
}

// Run moves the tags. A run that was done already changes nothing.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	return run(ctx, cfg, d, bounds{patience: time.Minute, write: 2 * time.Second, grace: 4 * time.Second})
}

func run(ctx context.Context, cfg Config, d Deps, b bounds) (Result, error) {
	result := Result{Digest: cfg.Images[0].Digest}
	if len(cfg.Tags) == 0 {
		d.Log.Info("no tags to put on the image", "digest", result.Digest)
		return result, nil
	}
	p := &promotion{Deps: d, digest: result.Digest}
	var names []string
	for _, ref := range cfg.Tags {
		names = append(names, ref.Tag)
	}
	kept := release.Kept(names, cfg.Version)
	for _, ref := range cfg.Tags {
		if !slices.ContainsFunc(p.moves, func(m *move) bool { return m.ref == ref }) {
			p.moves = append(p.moves, &move{ref: ref, fixed: kept[ref.Tag]})
		}
	}
	if err := p.check(ctx, cfg); err != nil {
		return result, err
	}
	err := p.move(ctx, b)
	if err != nil {
		err = p.putBack(ctx, b, err)
	}
	for _, m := range p.moves {
		result.Changes = append(result.Changes, Change{Ref: m.ref, Before: m.before, Outcome: m.outcome})
		if err == nil {
			result.Tags = append(result.Tags, m.ref)
		}
	}
	return result, err
}

// promotion is the work of one run: its moves go to one digest.
type promotion struct {
	Deps
	digest image.Digest
	moves  []*move
}

// move is one tag on its way.
type move struct {
	ref     image.Ref
	fixed   bool
	before  image.Digest // "" where there was no such tag
	outcome Outcome
}

func (m *move) pin(d image.Digest) image.Pinned { return m.ref.Repository.Pin(d) }

// check finds out all that could go wrong without changing anything.
func (p *promotion) check(ctx context.Context, cfg Config) error {
	err := parallel.Each(p.moves, func(_ int, m *move) (err error) {
		m.before, err = p.resolve(ctx, m.ref)
		if m.before == p.digest {
			m.outcome = Confirmed
		}
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range p.moves {
		if !m.fixed || m.before == "" || m.before == p.digest {
			continue
		}
		if cfg.Overwrite {
			p.Log.Warn("a released version changes", "tag", m.ref, "from", m.before, "to", p.digest)
			continue
		}
		errs = append(errs, hint.Wrap(fmt.Errorf("tag %q is released already: it points to %s, not to %s", m.ref, m.before, p.digest),
			`released versions don't change: release a new version, or give "overwrite: true"`))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	var repos []image.Repository
	for _, m := range p.pending() {
		if !slices.Contains(repos, m.ref.Repository) {
			repos = append(repos, m.ref.Repository)
		}
	}
	return parallel.Each(repos, func(_ int, repo image.Repository) error {
		_, err := p.Registry.Resolve(ctx, repo.Pin(p.digest).Ref())
		if errors.Is(err, registry.ErrNotFound) {
			err = hint.Wrap(err, "push the image to %s first: build-push does it for every repository of its input \"images\"", repo)
		}
		return errors.Join(err, p.Registry.CheckPush(ctx, repo))
	})
}

// resolve returns what ref points to, or "".
func (p *promotion) resolve(ctx context.Context, ref image.Ref) (image.Digest, error) {
	found, err := p.Registry.Resolve(ctx, ref)
	if errors.Is(err, registry.ErrNotFound) {
		return "", nil
	}
	return found.Digest, err
}

// pending returns the moves that are still to be done.
func (p *promotion) pending() []*move {
	return slices.DeleteFunc(slices.Clone(p.moves), func(m *move) bool { return m.outcome == Confirmed })
}

// move puts the tags on the digest, in waves over all registries: the
// version's own tags, then each of the others in the given order. It stops
// after the wave in which ctx is cancelled.
func (p *promotion) move(ctx context.Context, b bounds) error {
	for _, wave := range waves(p.pending()) {
		// Nobody knows what became of a write that was given up.
		finish, cancel := outlive(ctx, b.write)
		err := parallel.Each(wave, func(_ int, m *move) error {
			// From here on it may have moved, whatever Tag returns.
			m.outcome = Stuck
			if err := p.Registry.Tag(finish, m.pin(p.digest), m.ref.Tag); err != nil {
				return err
			}
			m.outcome = Moved
			return nil
		})
		cancel()
		if ctx.Err() != nil {
			err = errors.Join(fmt.Errorf("move the tags: %w", ctx.Err()), err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func waves(moves []*move) [][]*move {
	var first []*move
	var rest [][]*move
	for _, m := range moves {
		sameTag := func(wave []*move) bool { return wave[0].ref.Tag == m.ref.Tag }
		if m.fixed {
			first = append(first, m)
		} else if i := slices.IndexFunc(rest, sameTag); i >= 0 {
			rest[i] = append(rest[i], m)
		} else {
			rest = append(rest, []*move{m})
		}
	}
	return append([][]*move{first}, rest...)
}
