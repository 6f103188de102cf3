package releasenotes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

// maxUploads bounds the uploads at one time: enough to hide a network's latency,
// and few enough for GitHub's secondary rate limit.
const maxUploads = 8

// maxTries bounds how often is tried what broke off.
const maxTries = 4

// maxAssets is how many assets a release may have.
//
// https://docs.github.com/repositories/releasing-projects-on-github/about-releases#storage-and-bandwidth-quotas
const maxAssets = 1000

// again calls f until it succeeds, some times at most, while it fails in a way
// that leaves open whether it had its effect. So f must look first.
func again[T any](ctx context.Context, pause time.Duration, f func() (T, error)) (T, error) {
	waits := backoff.NewExponentialBackOff()
	if pause > 0 {
		waits.InitialInterval = pause
	}
	return backoff.Retry(ctx, func() (T, error) {
		v, err := f()
		if err != nil && !errors.Is(err, ghapi.ErrUnavailable) && !errors.Is(err, errAssets) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(waits), backoff.WithMaxTries(maxTries))
}

// errAssets is the kind of errors after which a look at the assets helps.
var errAssets = errors.New("assets differ")

// assets brings the assets of a release in line with files.
type assets struct {
	Deps
	cfg     Config
	release ghapi.Release
	files   []ghapi.File

	looked bool
	// sent holds the assets that were uploaded, by the number of their file: where
	// the server tells no digest, only these are known to have the right content.
	sent []ghapi.Asset
}

// sync uploads what is missing or different, and looks again, where an upload
// wasn't answered, until all files are there with their sizes and digests. What an
// earlier run has uploaded stays; what it has left behind half is replaced. Other
// assets are left alone. It returns the assets of files.
func (a *assets) sync(ctx context.Context) ([]ghapi.Asset, error) {
	a.sent = make([]ghapi.Asset, len(a.files))
	return again(ctx, a.Pause, func() ([]ghapi.Asset, error) {
		done, todo, err := a.look(ctx)
		if err != nil || len(todo) == 0 {
			return done, err
		}
		if a.release.Immutable {
			return nil, hint.Wrap(fmt.Errorf("asset %q is missing or different in release %q, which is immutable", todo[0].file.Name, a.release.Tag),
				"release the files under a new version")
		}
		if err := a.apply(ctx, todo); err != nil {
			return nil, err
		}
		for _, t := range todo {
			if sent := a.sent[t.n]; !a.right(t.n, sent) {
				return nil, fmt.Errorf("%w: %q should be %d bytes with %s, and GitHub has %d bytes with %q", errAssets,
					t.file.Name, t.file.Size, t.file.Digest, sent.Size, sent.Digest)
			}
			done[t.n] = a.sent[t.n]
		}
		return done, nil
	})
}

// look compares the files with the assets that are there. What the release
// itself lists is good enough for the first look.
func (a *assets) look(ctx context.Context) (done []ghapi.Asset, todo []task, err error) {
	listed := a.release.Assets
	if a.looked {
		if listed, err = a.GitHub.Assets(ctx, a.release); err != nil {
			return nil, nil, err
		}
	}
	a.looked = true
	done, todo = a.compare(listed)
	if there := len(listed) + len(todo); there > maxAssets {
		for _, t := range todo {
			if t.there.ID != 0 {
				there--
			}
		}
		if there > maxAssets {
			return nil, nil, hint.Wrap(fmt.Errorf("release %q would have %d assets, and GitHub takes %d", a.release.Tag, there, maxAssets),
				"attach fewer, as in an archive")
		}
	}
	return done, todo, nil
}

// task is the nth file, to upload in the place of an asset if one is there. next
// is its replacement, if that has been uploaded already.
type task struct {
	n           int
	file        ghapi.File
	there, next ghapi.Asset
}

// nextSuffix is behind the name of an asset that is to replace another one.
const nextSuffix = ".next"

// compare returns the assets that are right, by the number of their file, and
// what is to do.
func (a *assets) compare(listed []ghapi.Asset) (done []ghapi.Asset, todo []task) {
	done = make([]ghapi.Asset, len(a.files))
	for n, f := range a.files {
		t := task{n: n, file: f, there: named(listed, f.Name), next: named(listed, f.Name+nextSuffix)}
		if right := a.right(n, t.there) || t.there.Uploaded() && !a.cfg.Overwrite; right && t.next.ID == 0 {
			done[n] = t.there
		} else {
			todo = append(todo, t)
		}
	}
	return done, todo
}

// named returns the asset of a name, in which GitHub ignores case.
func named(list []ghapi.Asset, name string) ghapi.Asset {
	if i := slices.IndexFunc(list, func(a ghapi.Asset) bool { return strings.EqualFold(a.Name, name) }); i >= 0 {
		return list[i]
	}
	return ghapi.Asset{}
}

// right reports whether an asset has all of the nth file.
func (a *assets) right(n int, asset ghapi.Asset) bool {
	f := a.files[n]
	known := asset.Digest == f.Digest || (asset.Digest == "" && asset.ID == a.sent[n].ID)
	return asset.Uploaded() && asset.Size == f.Size && known
}

// apply uploads several files at once. Where one fails the others go on: what
// they finish is kept.
func (a *assets) apply(ctx context.Context, todo []task) error {
	var group errgroup.Group
	group.SetLimit(maxUploads)
	if a.cfg.PreserveOrder {
		group.SetLimit(1)
	}
	for _, t := range todo {
		group.Go(func() error {
			err := ctx.Err()
			if err == nil {
				err = a.put(ctx, t)
			}
			// Perhaps another run was faster.
			if errors.Is(err, ghapi.ErrExists) || errors.Is(err, errGone) {
				err = fmt.Errorf("%w: %w", errAssets, err)
			}
			return err
		})
	}
	return group.Wait()
}

// errGone is the kind of errors of an asset that isn't there any more.
var errGone = errors.New("the asset is gone")

// put uploads a file. In a published release the file is there, under another
// name, before the asset that it replaces goes.
func (a *assets) put(ctx context.Context, t task) (err error) {
	if t.next.ID != 0 && (!a.right(t.n, t.next) || a.right(t.n, t.there)) {
		if err := a.remove(ctx, t.next); err != nil {
			return err
		}
		t.next = ghapi.Asset{}
	}
	if a.right(t.n, t.there) {
		a.sent[t.n] = t.there
		return nil
	}
	if t.there.ID != 0 && t.next.ID == 0 && !a.release.Draft {
		next := t.file
		next.Name += nextSuffix
		if t.next, err = a.upload(ctx, t.n, next); err != nil {
			return err
		}
	}
	if t.there.ID != 0 {
		a.Log.Info("replacing asset", "name", t.file.Name)
		if err := a.remove(ctx, t.there); err != nil {
			return err
		}
	}
	if t.next.ID != 0 {
		a.sent[t.n], err = a.GitHub.RenameAsset(ctx, t.next, t.file.Name)
		return gone(err)
	}
	_, err = a.upload(ctx, t.n, t.file)
	return err
}

func (a *assets) upload(ctx context.Context, n int, f ghapi.File) (ghapi.Asset, error) {
	asset, err := a.GitHub.UploadAsset(ctx, a.release, f)
	if err == nil {
		a.Log.Info("uploaded asset", "name", f.Name, "bytes", f.Size)
		a.sent[n] = asset
	}
	return asset, err
}

func (a *assets) remove(ctx context.Context, asset ghapi.Asset) error {
	return gone(a.GitHub.DeleteAsset(ctx, asset))
}

func gone(err error) error {
	if errors.Is(err, ghapi.ErrNotFound) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}
