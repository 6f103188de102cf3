package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/transport"
)

// ReadBack sees to it that every repository has the image that was pushed to
// it, and returns its image manifests. A registry may need a while to show what
// it has taken: within bounds the wait; where 0, it is transport.DefaultRetryFor.
func (c *Client) ReadBack(ctx context.Context, repos []image.Repository, digest image.Digest, within time.Duration) ([]PlatformManifest, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	for _, repo := range repos {
		group.Go(func() error {
			_, err := backoff.Retry(groupCtx, func() (struct{}, error) {
				_, err := c.Manifest(groupCtx, repo.Pin(digest))
				if err != nil && !errors.Is(err, ErrNotFound) {
					err = backoff.Permanent(err)
				}
				return struct{}{}, err
			}, backoff.WithMaxElapsedTime(cmp.Or(within, transport.DefaultRetryFor)))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return c.Platforms(ctx, repos[0].Pin(digest))
}

// InOrder returns manifests in the order of want, the platforms that they must
// be of. Where nothing is wanted, the builder's own platform is right.
func InOrder(manifests []PlatformManifest, want []image.Platform) ([]PlatformManifest, error) {
	var have []image.Platform
	for _, m := range manifests {
		have = append(have, m.Platform)
	}
	switch {
	case len(have) == 0:
		return nil, errors.New("it has no platform")
	case len(want) > 0 && !slices.Equal(names(want), names(have)):
		return nil, fmt.Errorf("it has the platforms %s, and %s are asked for", strings.Join(names(have), ", "), strings.Join(names(want), ", "))
	}
	place := func(m PlatformManifest) int { return slices.Index(want, m.Platform) }
	return slices.SortedStableFunc(slices.Values(manifests), func(a, b PlatformManifest) int { return cmp.Compare(place(a), place(b)) }), nil
}

// names returns each platform once, sorted.
func names(platforms []image.Platform) []string {
	var names []string
	for _, p := range platforms {
		names = append(names, p.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}
