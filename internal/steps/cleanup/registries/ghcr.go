package registries

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/steps/cleanup"
)

// ghcr lists and deletes by GitHub's API, and reads by the registry's.
type ghcr struct {
	watch
	github   *ghapi.Client
	packages sync.Map // image.Repository → ghapi.Package
}

// pack returns the package of a repository: ghcr.io/owner/name.
func (g *ghcr) pack(ctx context.Context, r image.Repository) (ghapi.Package, error) {
	if p, ok := g.packages.Load(r); ok {
		return p.(ghapi.Package), nil
	}
	owner, name, _ := strings.Cut(r.Path(), "/")
	p, err := g.github.Package(ctx, owner, name)
	if err == nil {
		g.packages.Store(r, p)
	}
	return p, err
}

func (g *ghcr) repositories(ctx context.Context, host, pattern string) ([]string, error) {
	account, err := owner(host, pattern)
	if err != nil {
		return nil, err
	}
	all, err := g.github.Packages(ctx, account)
	names := make([]string, len(all))
	for n, p := range all {
		names[n] = account + "/" + p.Name
	}
	return names, err
}

func (g *ghcr) list(ctx context.Context, r image.Repository) (retention.Inventory, error) {
	p, err := g.pack(ctx, r)
	if err != nil {
		return retention.Inventory{}, err
	}
	versions, err := g.github.PackageVersions(ctx, p)
	if err != nil {
		return retention.Inventory{}, err
	}
	listed := make([]retention.Version, len(versions))
	for n, v := range versions {
		listed[n] = retention.Version{ID: strconv.FormatInt(v.ID, 10), Digest: image.Digest(v.Digest), Tags: v.Tags(), Pushed: latest(v.Created, v.Updated)}
	}
	s := g.survey(r, true, listed)
	if err := s.run(ctx); err != nil {
		return retention.Inventory{}, err
	}
	g.remember(s.inventory)
	return s.inventory, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// recheck asks for the version's tags, and for what was pushed since.
func (g *ghcr) recheck(ctx context.Context, r image.Repository, v retention.Version) (string, error) {
	s, err := g.snapshot(ctx, r, g.list)
	if err != nil {
		return "", err
	}
	p, id, err := g.version(ctx, r, v)
	if err != nil {
		return "", err
	}
	now, err := g.github.PackageVersion(ctx, p, id)
	switch {
	case errors.Is(err, ghapi.ErrNotFound): // while the package is there
		return "", nil
	case err != nil:
		return "", err
	}
	for _, tag := range now.Tags() {
		if changed, err := g.tagged(ctx, s, r, v, tag, image.Digest(now.Digest)); changed != "" || err != nil {
			return changed, err
		}
	}
	newest, err := g.github.NewestPackageVersions(ctx, p)
	if err != nil {
		return "", err
	}
	fresh := 0
	for _, n := range newest {
		if s.ids[strconv.FormatInt(n.ID, 10)] {
			continue
		}
		fresh++
		if changed, err := g.appeared(ctx, s, r, v, image.Digest(n.Digest), n.Tags()); changed != "" || err != nil {
			return changed, err
		}
	}
	if fresh > 0 && fresh == len(newest) {
		return fmt.Sprintf("%d versions or more are new, and may refer to it", fresh), nil
	}
	return "", nil
}

// version returns the package and the number of a version that was listed.
func (g *ghcr) version(ctx context.Context, r image.Repository, v retention.Version) (ghapi.Package, int64, error) {
	id, err := strconv.ParseInt(v.ID, 10, 64)
	if err != nil {
		return ghapi.Package{}, 0, fmt.Errorf("%q has the ID %q, which is none of GitHub's", r.Pin(v.Digest), v.ID)
	}
	p, err := g.pack(ctx, r)
	return p, id, err
}

func (g *ghcr) remove(ctx context.Context, r image.Repository, v retention.Version) error {
	p, id, err := g.version(ctx, r, v)
	if err != nil {
		return err
	}
	s, err := g.snapshot(ctx, r, g.list)
	if err != nil {
		return err
	}
	err = g.github.DeletePackageVersion(ctx, p, id)
	switch {
	case err == nil:
		s.remove(v)
	case errors.Is(err, ghapi.ErrLastTagged), errors.Is(err, ghapi.ErrManyDownloads):
		return fmt.Errorf("%w: %w", cleanup.ErrLocked, err)
	case errors.Is(err, ghapi.ErrNotFound):
		// It is gone, or hidden from the token.
		if _, readErr := g.github.PackageVersion(ctx, p, id); errors.Is(readErr, ghapi.ErrNotFound) {
			s.remove(v)
			return nil
		}
	}
	return err
}

func (g *ghcr) restore(ctx context.Context, r image.Repository, v retention.Version) error {
	p, id, err := g.version(ctx, r, v)
	if err != nil {
		return err
	}
	err = g.github.RestorePackageVersion(ctx, p, id)
	if err != nil {
		if _, readErr := g.github.PackageVersion(ctx, p, id); readErr == nil {
			return nil // it is there
		}
	}
	return err
}
