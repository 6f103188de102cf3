package releasenotes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

// grace is how long an upload that isn't complete is left alone: another run may
// be busy with it.
const grace = time.Minute

// unfinished returns an error, which says how long to wait, where an asset is
// half there and young, and wasn't begun here.
func (a *assets) unfinished(todo []task) error {
	for _, t := range todo {
		for _, asset := range []ghapi.Asset{t.there, t.next} {
			left := min(grace-time.Since(asset.Created), grace)
			if asset.ID != 0 && !asset.Uploaded() && !a.broken[t.n] && left > 0 {
				a.Log.Info("waiting for an upload of another run", "name", asset.Name, "at-most", left.Round(time.Second))
				err := fmt.Errorf("the upload of %q isn't complete: %w", asset.Name, backoff.RetryAfter(int(left/time.Second)+1))
				return unsure{hint.Wrap(err, "another run may be busy with it: run the job again when that has ended")}
			}
		}
	}
	return nil
}

// put uploads files, several at once, and then gives those their names that
// replace others: a published release is changed when all that is new is there,
// whole.
func (a *assets) put(ctx context.Context, todo []task) error {
	if err := a.each(ctx, todo, a.bring); err != nil {
		return err
	}
	return a.each(ctx, todo, a.swap)
}

// each does something for several files at once. Where one fails the others go
// on: what they finish is kept.
func (a *assets) each(ctx context.Context, todo []task, do func(context.Context, *task) error) error {
	var group errgroup.Group
	group.SetLimit(maxUploads)
	if a.cfg.PreserveOrder {
		group.SetLimit(1)
	}
	for i := range todo {
		group.Go(func() error {
			err := ctx.Err()
			if err == nil {
				err = do(ctx, &todo[i])
			}
			// Perhaps another run was faster.
			if errors.Is(err, ghapi.ErrExists) || errors.Is(err, ghapi.ErrInvalid) || errors.Is(err, ghapi.ErrNotFound) {
				err = unsure{err}
			}
			return err
		})
	}
	return group.Wait()
}

// bring uploads a file: under its own name where that is free or may be made
// free, and else under the name of a replacement.
func (a *assets) bring(ctx context.Context, t *task) (err error) {
	if t.next.ID != 0 && !a.right(t.n, t.next) {
		if err := a.GitHub.DeleteAsset(ctx, t.next); err != nil {
			return err
		}
		t.next = ghapi.Asset{}
	}
	switch {
	case a.keeps(*t) || t.next.ID != 0:
		return nil
	case t.there.ID == 0:
		t.there, err = a.upload(ctx, t.n, t.file)
		return err
	case a.release.Draft || !t.there.Uploaded():
		a.Log.Info("replacing asset", "name", t.file.Name)
		if err := a.GitHub.DeleteAsset(ctx, t.there); err != nil {
			return err
		}
		t.there, err = a.upload(ctx, t.n, t.file)
		return err
	}
	next := t.file
	next.Name = a.nextName(t.file)
	t.next, err = a.upload(ctx, t.n, next)
	return err
}

// upload returns an asset that is whole, or an error.
func (a *assets) upload(ctx context.Context, n int, f ghapi.File) (ghapi.Asset, error) {
	asset, err := a.GitHub.UploadAsset(ctx, a.release, f)
	a.broken[n] = errors.Is(err, ghapi.ErrUnavailable)
	if err != nil {
		return ghapi.Asset{}, err
	}
	a.Log.Info("uploaded asset", "name", f.Name, "bytes", f.Size)
	if a.sent[n] = asset; !a.right(n, asset) {
		return ghapi.Asset{}, unsure{hint.Wrap(fmt.Errorf("upload %q: it should be %d bytes with %s, and GitHub has %d bytes with %q",
			f.Name, f.Size, f.Digest, asset.Size, asset.Digest), "check that nothing changes the file while the step runs")}
	}
	return asset, nil
}

// swap gives a replacement its name, which must be free by then: GitHub has no
// call that does both. So the two calls follow each other, whatever happens.
func (a *assets) swap(ctx context.Context, t *task) (err error) {
	if t.next.ID == 0 {
		a.sent[t.n] = t.there
		return nil
	}
	if a.keeps(*t) {
		a.sent[t.n] = t.there
		return a.GitHub.DeleteAsset(ctx, t.next)
	}
	ctx, cancel := outliving(ctx, 5*time.Second)
	defer cancel()
	if t.there.ID != 0 {
		a.Log.Info("replacing asset", "name", t.file.Name)
		if err := a.GitHub.DeleteAsset(ctx, t.there); err != nil {
			return err
		}
	}
	if a.sent[t.n], err = a.GitHub.RenameAsset(ctx, t.next, t.file.Name); err != nil {
		return unsure{err}
	}
	return nil
}

// outliving returns a context that goes on for some time when ctx is cancelled:
// a cancelled job has seven seconds.
func outliving(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return longer, func() { stop(); cancel() }
}
