package cleanup

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
)

// noter is where a removal is written down before and after it is done.
type noter interface{ note(entry) error }

// removal carries out the plan for one repository.
type removal struct {
	Deps
	journal noter
	*Repository
	needed map[image.Digest]string // what must stay after all, and why
}

// remove does what the plans say, one version after the other, and notes in the
// document what became of each. It stops at the first answer that it didn't
// expect.
func remove(ctx context.Context, d Deps, j noter, document *Document) error {
	for _, p := range document.Repositories {
		r := &removal{d, j, p, map[image.Digest]string{}}
		for _, v := range p.Deletions() {
			outcome, err := r.try(ctx, v)
			if err != nil {
				outcome.Failed = err.Error()
				err = hint.Wrap(fmt.Errorf("remove %q: %w", p.Of.Pin(v.Digest), err), "run it again: what is done is found, and the rest is planned anew")
			}
			p.Outcomes[v.Digest] = outcome
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// try removes a version unless something has changed, or the registry keeps it.
// Then it stays, and with it what it needs.
func (r *removal) try(ctx context.Context, v retention.Decision) (Outcome, error) {
	if err := ctx.Err(); err != nil {
		return Outcome{}, err
	}
	why := r.needed[v.Digest]
	if why == "" {
		changed, err := r.Backend.Recheck(ctx, r.Of, v.Version)
		if err != nil {
			return Outcome{}, fmt.Errorf("look for changes: %w", err)
		}
		why = changed
	}
	if why == "" {
		if err := r.note(deleting, v); err != nil {
			return Outcome{}, err
		}
		err := r.Backend.Delete(ctx, r.Of, v.Version)
		switch {
		case err == nil:
			return Outcome{Deleted: r.Now().UTC()}, r.note(deleted, v)
		case errors.Is(err, ErrHeld):
			// To the journal it is begun until it goes, should the run end before that.
			return Outcome{Deleted: r.Now().UTC()}, nil
		case !errors.Is(err, ErrLocked):
			return Outcome{}, err
		}
		why = err.Error()
	}
	for _, other := range r.Spared(v.Digest) {
		r.needed[other] = why
	}
	r.Log.Warn("a version stays after all", "image", r.Of.Pin(v.Digest), "why", why)
	return Outcome{Spared: why}, r.note(spared, v)
}

func (r *removal) note(state string, v retention.Decision) error {
	return r.journal.note(entry{r.Now().UTC(), state, r.Of, v.Digest, v.ID})
}
