package registries

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// reader reads manifests, each from the cache where it has it.
type reader struct {
	registry *registry.Client
	cache    cache
	now      func() time.Time
	log      *slog.Logger
	// memory has what was read, where it is asked for more than once.
	memory *sync.Map // image.Digest → func() (manifest, error)
}

// remembering returns a reader that reads each manifest once.
func (r *reader) remembering() *reader {
	other := *r
	other.memory = &sync.Map{}
	return &other
}

func (r *reader) manifest(ctx context.Context, p image.Pinned) (manifest, error) {
	if r.memory == nil {
		return r.read(ctx, p)
	}
	read, _ := r.memory.LoadOrStore(p.Digest, sync.OnceValues(func() (manifest, error) { return r.read(ctx, p) }))
	return read.(func() (manifest, error))()
}

func (r *reader) read(ctx context.Context, p image.Pinned) (manifest, error) {
	raw := r.cache.get(p.Digest)
	if raw == nil {
		m, err := r.registry.Manifest(ctx, p)
		if err != nil {
			return manifest{}, err
		}
		raw = m.Raw
		if err := r.cache.put(p.Digest, raw); err != nil {
			r.log.Debug("a manifest isn't kept for the next run", "digest", p.Digest, "because", err)
		}
	}
	return parse(raw)
}

// each calls do for every item and its index, some at once, until one fails.
func each[T any](items []T, do func(n int, item T) error) error {
	var group errgroup.Group
	var failed atomic.Bool
	group.SetLimit(atOnce)
	for n, item := range items {
		group.Go(func() error {
			if failed.Load() {
				return nil
			}
			err := do(n, item)
			failed.CompareAndSwap(false, err != nil)
			return err
		})
	}
	return group.Wait()
}

// fatal reports whether an error is about all that is read, rather than about
// one manifest: nothing would be known, and little gained by going on.
func fatal(ctx context.Context, err error) bool {
	var network net.Error
	return ctx.Err() != nil || errors.Is(err, registry.ErrDenied) || errors.Is(err, registry.ErrRateLimited) || errors.As(err, &network)
}
