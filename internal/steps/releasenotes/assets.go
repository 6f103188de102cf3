package releasenotes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

// maxUploads bounds the uploads at one time; GitHub frowns on more.
const maxUploads = 4

// maxTries bounds how often is tried what broke off.
const maxTries = 4

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
	mu     sync.Mutex
	// sent holds the names that were uploaded: where the server tells no
	// digest, only these are known to have the right content.
	sent map[string]bool
}

// sync uploads what is missing or different, and looks again until all files
// are there with their sizes and digests. What an earlier run has uploaded
// stays; what it has left behind half is replaced. Other assets are left
// alone. It returns the assets of files.
func (a *assets) sync(ctx context.Context) ([]ghapi.Asset, error) {
	a.sent = map[string]bool{}
	return again(ctx, a.Pause, func() ([]ghapi.Asset, error) {
		done, todo, err := a.look(ctx)
		switch {
		case err != nil || len(todo) == 0:
			return done, err
		case a.release.Immutable:
			return nil, hint.Wrap(fmt.Errorf("asset %q is missing or different in release %q, which is immutable", todo[0].file.Name, a.release.Tag),
				"release the files under a new version")
		}
		if err := a.apply(ctx, todo); err != nil {
			return nil, err
		}
		done, todo, err = a.look(ctx)
		if err == nil && len(todo) > 0 {
			t := todo[0]
			err = fmt.Errorf("%w: %q should be %d bytes with %s, and GitHub has %d bytes with %q", errAssets,
				t.file.Name, t.file.Size, t.file.Digest, t.there.Size, t.there.Digest)
		}
		return done, err
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
	return done, todo, nil
}

// task is a file to upload, in the place of an asset if one is there.
type task struct {
	file  ghapi.File
	there ghapi.Asset
}

func (a *assets) compare(listed []ghapi.Asset) (done []ghapi.Asset, todo []task) {
	for _, f := range a.files {
		t := task{file: f}
		for _, asset := range listed {
			if strings.EqualFold(asset.Name, f.Name) {
				t.there = asset
			}
		}
		same := t.there.Size == f.Size && (t.there.Digest == f.Digest || (t.there.Digest == "" && a.sent[f.Name]))
		if t.there.Uploaded() && (same || !a.cfg.Overwrite) {
			done = append(done, t.there)
		} else {
			todo = append(todo, t)
		}
	}
	return done, todo
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
			if err := ctx.Err(); err != nil {
				return err
			}
			err := a.put(ctx, t)
			if errors.Is(err, ghapi.ErrExists) {
				err = fmt.Errorf("%w: %w", errAssets, err)
			}
			return err
		})
	}
	return group.Wait()
}

func (a *assets) put(ctx context.Context, t task) error {
	if t.there.ID != 0 {
		a.Log.Info("replacing asset", "name", t.file.Name)
		err := a.GitHub.DeleteAsset(ctx, t.there)
		if errors.Is(err, ghapi.ErrNotFound) {
			return fmt.Errorf("%w: %w", errAssets, err) // perhaps another run was faster
		}
		if err != nil {
			return err
		}
	}
	if _, err := a.GitHub.UploadAsset(ctx, a.release, t.file); err != nil {
		return err
	}
	a.Log.Info("uploaded asset", "name", t.file.Name, "bytes", t.file.Size)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent[t.file.Name] = true
	return nil
}
