package promote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
)

// bounds are how long things may take: to put tags back at all, and after the
// run was cancelled, to finish the writes under way and to put tags back. A
// runner kills a cancelled step after 7.5 seconds.
type bounds struct{ patience, write, grace time.Duration }

// outlive returns a context that is cancelled a while after ctx is.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(grace):
			cancel()
		}
	})
	return longer, cancel
}

// putBack undoes what was moved before cause happened, and returns cause with
// what could not be undone.
func (p *promotion) putBack(ctx context.Context, b bounds, cause error) error {
	ctx, stop := outlive(ctx, b.grace)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, b.patience)
	defer cancel()
	var touched []*move
	for _, m := range p.moves {
		if m.outcome == Moved || m.outcome == Stuck {
			touched = append(touched, m)
		}
	}
	stuck := parallel.Each(touched, func(_ int, m *move) error {
		m.outcome = Stuck
		if err := p.undo(ctx, m); err != nil {
			return err
		}
		m.outcome = PutBack
		return nil
	})
	if stuck == nil {
		return hint.Wrap(cause, "every tag points to where it did before: mend the cause and run again")
	}
	return errors.Join(cause, stuck)
}

func (p *promotion) undo(ctx context.Context, m *move) error {
	now, err := p.resolve(ctx, m.ref)
	switch {
	case err != nil:
	case now == m.before:
		return nil
	case now != p.digest:
		err = fmt.Errorf("somebody else moved it to %q meanwhile", now)
	case m.before != "":
		err = p.Registry.Tag(ctx, m.pin(m.before), m.ref.Tag)
	default:
		if err = p.Registry.Untag(ctx, m.ref); errors.Is(err, registry.ErrNotFound) {
			err = nil
		}
	}
	if err == nil {
		p.Log.Info("put back", "tag", m.ref, "to", m.before)
		return nil
	}
	if m.before != "" {
		return hint.Wrap(fmt.Errorf("tag %q could not be put back to %s: %w", m.ref, m.before, err),
			"look at what %q points to; \"crane tag %s %s\" puts it back", m.ref, m.pin(m.before), m.ref.Tag)
	}
	return hint.Wrap(fmt.Errorf("tag %q, which was not there before, could not be removed from %s: %w", m.ref, p.digest, err),
		"run again, which goes on from here; or remove %q by hand: some registries do that on their web page only", m.ref)
}
