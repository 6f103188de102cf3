package scan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/trivy"
)

// comparison is what has changed since an earlier release.
type comparison struct {
	with        string
	added, gone []Finding
}

// comparable reports whether the input names something: a bare tag of an image
// that isn't pushed does not.
func (c Config) comparable() bool {
	return c.CompareTo != "" && (len(c.Images) > 0 || strings.Contains(c.CompareTo, "/"))
}

// earlier returns what the images are compared to, as seen from the first repository.
func (c Config) earlier() (image.Ref, error) {
	var repository image.Repository
	if len(c.Images) > 0 {
		repository = c.Images[0].Repository
	}
	ref, err := repository.ParseRef(c.CompareTo)
	if err != nil {
		return image.Ref{}, fmt.Errorf("input \"compare-to\": %w", err)
	}
	return ref, nil
}

// compare scans the earlier release with the same database, and compares all
// platforms that are scanned now. A first release has nothing to be compared to.
func compare(ctx context.Context, cfg Config, d Deps, scanner *trivy.Scanner, targets []target) (*comparison, error) {
	if !cfg.comparable() {
		return nil, nil
	}
	ref, err := cfg.earlier()
	if err != nil {
		return nil, err
	}
	pinned, err := d.Registry.Resolve(ctx, ref)
	if errors.Is(err, registry.ErrNotFound) {
		d.Log.Warn("there is no earlier release to compare with", "compare-to", ref.String())
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("input \"compare-to\": %w", err)
	}
	all, err := platforms(ctx, d.Registry, pinned)
	if err != nil {
		return nil, fmt.Errorf("input \"compare-to\": %w", err)
	}
	var before []target
	for _, t := range all {
		for _, now := range targets {
			if t.platform == now.platform {
				before = append(before, t)
			}
		}
	}
	if err := scanAll(ctx, scanner, before); err != nil {
		return nil, err
	}
	now, then := union(targets), union(before)
	return &comparison{with: ref.String(), added: without(now, then), gone: without(then, now)}, nil
}

// without returns the findings that others haven't: a package that has the
// finding in another version has it still.
func without(all, others []Finding) (rest []Finding) {
	known := map[key]bool{}
	for _, f := range others {
		known[key{f.Kind, f.ID, f.Package, ""}] = true
	}
	for _, f := range all {
		if !known[key{f.Kind, f.ID, f.Package, ""}] {
			rest = append(rest, f)
		}
	}
	return rest
}
