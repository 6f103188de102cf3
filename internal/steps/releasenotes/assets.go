package releasenotes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

// maxUploads bounds the uploads at one time: enough to hide a network's latency,
// and far from the hundred requests that GitHub takes at once.
//
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
const maxUploads = 16

// maxAssets is how many assets a release may have.
//
// https://docs.github.com/repositories/releasing-projects-on-github/about-releases#storage-and-bandwidth-quotas
const maxAssets = 1000

// assets brings the assets of a release in line with files.
type assets struct {
	Deps
	cfg     Config
	release ghapi.Release
	files   []ghapi.File

	looked bool
	there  int // assets of the release, when it was looked at
	// sent holds the assets that were uploaded, by the number of their file: where
	// the server tells no digest, only these are known to have the right content.
	sent []ghapi.Asset
	// broken says of which files an upload broke off, which may have left something.
	broken []bool
}

// sync uploads what is missing or different, and looks again, where an upload
// wasn't answered, until all files are there with their sizes and digests. What an
// earlier run has uploaded stays; what it has left behind half is replaced. Other
// assets are left alone. It returns the assets of files.
func (a *assets) sync(ctx context.Context) ([]ghapi.Asset, error) {
	a.sent = make([]ghapi.Asset, len(a.files))
	a.broken = make([]bool, len(a.files))
	return again(ctx, a.Pause, func() ([]ghapi.Asset, error) {
		done, todo, err := a.look(ctx)
		if err != nil || len(todo) == 0 {
			return done, err
		}
		if a.release.Immutable {
			return nil, hint.Wrap(fmt.Errorf("asset %q is missing or different in release %q, which is immutable", todo[0].file.Name, a.release.Tag),
				"release the files under a new version")
		}
		if err := a.unfinished(todo); err != nil {
			return nil, err
		}
		for batch := range slices.Chunk(todo, a.room(todo)) {
			if err := a.put(ctx, batch); err != nil {
				return nil, err
			}
		}
		for _, t := range todo {
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
	a.there = len(listed)
	after := a.there + len(todo)
	for _, t := range todo {
		for _, asset := range []ghapi.Asset{t.there, t.next} {
			if asset.ID != 0 {
				after--
			}
		}
	}
	if after > maxAssets {
		return nil, nil, hint.Wrap(fmt.Errorf("release %q would have %d assets, and GitHub takes %d", a.release.Tag, after, maxAssets),
			"attach fewer, as in an archive")
	}
	return done, todo, nil
}

// room returns how many files can be uploaded before others have to go. Where that
// isn't all of them, those that take another's place are first.
func (a *assets) room(todo []task) int {
	if a.there+len(todo) <= maxAssets {
		return len(todo)
	}
	slices.SortStableFunc(todo, func(x, y task) int { return cmp.Compare(min(y.there.ID, 1), min(x.there.ID, 1)) })
	return max(maxAssets-a.there, 1)
}

// task is the nth file, to upload in the place of an asset if one is there. next
// is its replacement, if that has been uploaded already.
type task struct {
	n           int
	file        ghapi.File
	there, next ghapi.Asset
}

// nextName returns the name of an asset that is to replace that of a file; no file
// has it.
func (a *assets) nextName(f ghapi.File) string {
	name := f.Name + ".next"
	for slices.ContainsFunc(a.files, func(other ghapi.File) bool { return strings.EqualFold(other.Name, name) }) {
		name += ".next"
	}
	return name
}

// compare returns the assets that are right, by the number of their file, and
// what is to do.
func (a *assets) compare(listed []ghapi.Asset) (done []ghapi.Asset, todo []task) {
	done = make([]ghapi.Asset, len(a.files))
	for n, f := range a.files {
		t := task{n: n, file: f, there: named(listed, f.Name), next: named(listed, a.nextName(f))}
		if a.keeps(t) && t.next.ID == 0 {
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

// keeps reports whether what is there is to stay.
func (a *assets) keeps(t task) bool {
	return a.right(t.n, t.there) || t.there.Uploaded() && !a.cfg.Overwrite
}

// right reports whether an asset has all of the nth file.
func (a *assets) right(n int, asset ghapi.Asset) bool {
	f := a.files[n]
	known := asset.Digest == f.Digest || (asset.Digest == "" && asset.ID == a.sent[n].ID)
	return asset.Uploaded() && asset.Size == f.Size && known
}
