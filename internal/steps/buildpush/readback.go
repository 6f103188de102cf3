package buildpush

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/transport"
)

// readBack sees to it that every registry has the manifest, and that it is of
// the platforms that were asked for. It returns them in that order.
func readBack(ctx context.Context, cfg Config, digest image.Digest, client *registry.Client) ([]registry.PlatformManifest, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	repos := cfg.repositories()
	for _, repo := range repos {
		group.Go(func() error {
			_, err := backoff.Retry(groupCtx, func() (struct{}, error) {
				_, err := client.Manifest(groupCtx, repo.Pin(digest))
				// A registry may need a while to show what it has taken.
				if err != nil && !errors.Is(err, registry.ErrNotFound) {
					err = backoff.Permanent(err)
				}
				return struct{}{}, err
			}, backoff.WithMaxElapsedTime(cmp.Or(cfg.RetryFor, transport.DefaultRetryFor)))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	manifests, err := client.Platforms(ctx, repos[0].Pin(digest))
	if err != nil {
		return nil, err
	}
	return ordered(digest, cfg.Platforms, manifests)
}

// readLayout sees to it that the OCI layout in dir holds the image, for the
// platforms that were asked for. It returns them in that order.
func readLayout(dir string, digest image.Digest, want []image.Platform) ([]registry.PlatformManifest, error) {
	layout, err := registry.OpenLayout(dir)
	if err != nil {
		return nil, err
	}
	if layout.Digest != digest {
		return nil, fmt.Errorf("the OCI layout %q holds %q, and %q was built", dir, layout.Digest, digest)
	}
	manifests, err := layout.Platforms()
	if err != nil {
		return nil, err
	}
	return ordered(digest, want, manifests)
}

// ordered returns the manifests of an image in the order of the platforms that
// were asked for, which they must be of.
func ordered(digest image.Digest, want []image.Platform, manifests []registry.PlatformManifest) ([]registry.PlatformManifest, error) {
	if err := samePlatforms(want, manifests); err != nil {
		return nil, fmt.Errorf("image %q: %w", digest, err)
	}
	place := func(m registry.PlatformManifest) int { return slices.Index(want, m.Platform) }
	slices.SortStableFunc(manifests, func(a, b registry.PlatformManifest) int { return cmp.Compare(place(a), place(b)) })
	return manifests, nil
}

// samePlatforms compares what an image has with what was asked for; where
// nothing was, the builder's own platform is right.
func samePlatforms(want []image.Platform, manifests []registry.PlatformManifest) error {
	var have []image.Platform
	for _, m := range manifests {
		have = append(have, m.Platform)
	}
	switch {
	case len(have) == 0:
		return errors.New("it has no platform")
	case len(want) == 0:
		return nil
	}
	names := func(platforms []image.Platform) []string {
		var names []string
		for _, p := range platforms {
			names = append(names, p.String())
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	if !slices.Equal(names(want), names(have)) {
		return fmt.Errorf("it has the platforms %s, and %s are asked for", strings.Join(names(have), ", "), strings.Join(names(want), ", "))
	}
	return nil
}
