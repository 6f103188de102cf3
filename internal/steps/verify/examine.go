package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
)

// target is one of the images, and what was found under its name.
type target struct {
	ref      image.Ref
	pinned   image.Pinned
	subjects []evidence.Subject
	checks   []Check
}

// finding is an attestation that was verified.
type finding struct {
	kind    Kind
	subject evidence.Subject
	bundle  evidence.Bundle
}

// examine makes all checks. First the names are resolved, all at once; then
// every manifest is looked at in every registry, all at once. It is an error
// where nobody knows whose signature to look for.
func examine(ctx context.Context, cfg Config, d Deps) (Report, []finding, error) {
	targets := make([]target, len(cfg.Images))
	_ = parallel.Each(cfg.Images, func(n int, ref image.Ref) error { // what goes wrong is a check's verdict
		targets[n] = resolve(ctx, d, ref, cfg.Platforms)
		return nil
	})
	report := Report{Checks: sameDigest(targets)}
	var found []finding
	if n := slices.IndexFunc(targets, func(t target) bool { return len(t.subjects) > 0 }); n >= 0 {
		var err error
		if found, err = report.judge(ctx, cfg, d, targets, &targets[n]); err != nil {
			return Report{}, nil, err
		}
	}
	for _, t := range targets {
		report.Checks = append(report.Checks, t.checks...)
	}
	report.conclude(targets[0].pinned.Digest)
	return report, found, nil
}

// judge adds to targets what is said of their manifests, and to the report what
// first, one of them that is there, says of itself. It returns the attestations
// that are verified.
func (r *Report) judge(ctx context.Context, cfg Config, d Deps, targets []target, first *target) ([]finding, error) {
	var source string
	show := cfg.Inspect || cfg.Scan
	key, keyed := d.Verifier.Key()
	if show || !cfg.Policy.given() && !keyed {
		images, check := describe(ctx, d, *first, show)
		source = sourceOf(images[0].labels)
		if show {
			r.Images, first.checks = images, append(first.checks, check)
		}
	}
	expected, err := cfg.Policy.expect(cfg.Images, source, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUndecided, err)
	}
	j := judge{cfg: cfg, d: d, expected: choose(ctx, d, first.pinned, expected)}
	r.Expected, r.doubt = j.expected, j.expected.doubt(source)
	if cfg.Deep {
		j.catalogue = newCatalogue(ctx, d, first.pinned)
	}
	type place struct {
		target  int
		subject evidence.Subject
	}
	var places []place
	for n, t := range targets {
		for _, s := range t.subjects {
			places = append(places, place{n, s})
		}
	}
	checks := make([][]Check, len(places))
	found := make([][]finding, len(places))
	_ = parallel.Each(places, func(n int, at place) error { // what goes wrong is a check's verdict
		checks[n], found[n] = j.manifest(ctx, targets[at.target], at.subject)
		return nil
	})
	for n, at := range places {
		targets[at.target].checks = append(targets[at.target].checks, checks[n]...)
	}
	if cfg.Scan {
		first.checks = append(first.checks, scan(ctx, d, *first, r.Images)...)
	}
	return slices.Concat(found...), nil
}

// resolve finds what a name points to, and whether all platforms are there.
func resolve(ctx context.Context, d Deps, ref image.Ref, expected []image.Platform) target {
	t := target{ref: ref}
	var err error
	if t.pinned, err = d.Registry.Resolve(ctx, ref); err != nil {
		t.checks = append(t.checks, failed(Check{Image: ref.String(), Of: "image", Claim: "exists"}, err))
		return t
	}
	check := Check{Image: ref.String(), Digest: t.pinned.Digest, Of: "image", Claim: "platforms"}
	if t.subjects, err = evidence.Subjects(ctx, d.Registry, t.pinned); err != nil {
		t.checks = append(t.checks, failed(check, err))
		return t
	}
	var there []image.Platform
	var names, missing []string
	for _, s := range t.subjects {
		there = append(there, s.Platforms...)
	}
	for _, p := range there {
		names = append(names, p.String())
	}
	for _, p := range expected {
		if !slices.Contains(there, p) {
			missing = append(missing, p.String())
		}
	}
	if len(missing) > 0 {
		t.checks = append(t.checks, check.refused(fmt.Sprintf("lacks %s; has %s", strings.Join(missing, ", "), strings.Join(names, ", "))))
		return t
	}
	t.checks = append(t.checks, check.verified(strings.Join(names, ", ")))
	return t
}

// sameDigest compares what the names point to. Of a name that could not be
// resolved its own check tells.
func sameDigest(targets []target) []Check {
	check := Check{Of: "image", Claim: "same digest"}
	var seen []string
	same := true
	for _, t := range targets {
		if t.pinned.Digest == "" {
			continue
		}
		same = same && (check.Digest == "" || t.pinned.Digest == check.Digest)
		check.Digest = t.pinned.Digest
		seen = append(seen, t.pinned.String())
	}
	switch {
	case !same:
		check.Digest = ""
		return []Check{check.refused(strings.Join(seen, " is not "))}
	case len(seen) < len(targets):
		return nil
	}
	return []Check{check.verified(fmt.Sprintf("%s for %d names", check.Digest, len(seen)))}
}

// failed makes an error of the registry a verdict: what is not there is
// refused, anything else is not known.
func failed(check Check, err error) Check {
	check.err = err
	if errors.Is(err, registry.ErrNotFound) {
		return check.refused(err.Error())
	}
	return check.undecided(err.Error())
}
