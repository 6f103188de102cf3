package cleanup

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// noter is where a removal is written down before and after it is done.
type noter interface{ note(entry) error }

// remove does what the plans say, one version after the other, and notes in the
// document what became of each. It stops at the first answer that it didn't
// expect.
func remove(ctx context.Context, d Deps, j noter, document *Document) error {
	for _, p := range document.Repositories {
		if err := removeFrom(ctx, d, j, p); err != nil {
			return err
		}
	}
	return nil
}

func removeFrom(ctx context.Context, d Deps, j noter, p *Repository) error {
	needed := map[image.Digest]string{} // what must stay after all, and why
	for _, v := range p.Deletions() {
		note := func(state string) error {
			return j.note(entry{d.Now().UTC(), state, p.Repository, v.Digest, v.ID})
		}
		fail := func(what string, err error) error {
			p.Outcomes[v.Digest] = Outcome{Failed: err.Error()}
			return hint.Wrap(fmt.Errorf("%s %q: %w", what, p.Repository.Pin(v.Digest), err), "run it again: what is done is found, and the rest is planned anew")
		}
		if err := ctx.Err(); err != nil {
			return fail("remove", err)
		}
		why := needed[v.Digest]
		if why == "" {
			var err error
			if why, err = d.Backend.Recheck(ctx, p.Repository, v.Version); err != nil {
				return fail("check", err)
			}
		}
		if why == "" {
			if err := note(deleting); err != nil {
				return err
			}
			err := d.Backend.Delete(ctx, p.Repository, v.Version)
			if err == nil {
				p.Outcomes[v.Digest] = Outcome{Deleted: d.Now().UTC()}
				if err := note(deleted); err != nil {
					return err
				}
				continue
			}
			if !errors.Is(err, ErrLocked) {
				return fail("remove", err)
			}
			why = err.Error()
		}
		for _, other := range p.Spared(v.Digest) {
			needed[other] = why
		}
		d.Log.Warn("a version stays after all", "image", p.Repository.Pin(v.Digest), "why", why)
		p.Outcomes[v.Digest] = Outcome{Spared: why}
		if err := note(spared); err != nil {
			return err
		}
	}
	return nil
}
