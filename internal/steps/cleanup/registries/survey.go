package registries

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
)

const (
	// atOnce bounds the manifests that are read at once.
	atOnce = 16
	// inOrder is the least number of manifests that are read one after the other:
	// an index explains what comes after it.
	inOrder = 32
	// settling is how long a registry may answer that what was pushed isn't there.
	settling = time.Hour
)

// survey fills an inventory: it reads the manifests that tell who needs whom.
// What an index says of its images need not be read again, nor what the list of
// a version's referrers says of those; each other manifest is read once.
type survey struct {
	*reader
	repo image.Repository

	mu        sync.Mutex
	inventory retention.Inventory
	place     map[image.Digest]int
	explained map[image.Digest]bool // by an index that was read
	claimed   map[image.Digest]bool // by who reads it
}

func (r *reader) survey(repo image.Repository, complete bool, listed []retention.Version) *survey {
	s := &survey{
		reader: r, repo: repo, inventory: retention.Inventory{Repository: repo, Complete: complete, Versions: listed},
		place: make(map[image.Digest]int, len(listed)), explained: make(map[image.Digest]bool, len(listed)), claimed: make(map[image.Digest]bool, len(listed)),
	}
	for n, v := range listed {
		s.place[v.Digest] = n
	}
	return s
}

// run reads what must be read of the versions that are listed.
func (s *survey) run(ctx context.Context) error {
	var tagged, indexes, rest []image.Digest
	for _, v := range newestFirst(s.inventory.Versions) {
		switch {
		case len(v.Tags) > 0:
			tagged = append(tagged, v.Digest)
		case isIndex(v.MediaType):
			indexes = append(indexes, v.Digest)
		default:
			rest = append(rest, v.Digest)
		}
	}
	// Tagged indexes explain most of what has no tag.
	for _, group := range [][]image.Digest{tagged, indexes, rest} {
		if err := s.readAll(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// newestFirst orders versions so that an index comes before its images, which
// are pushed before it.
func newestFirst(versions []retention.Version) []retention.Version {
	return slices.SortedStableFunc(slices.Values(versions), func(a, b retention.Version) int {
		return cmp.Or(b.Pushed.Compare(a.Pushed), cmp.Compare(len(b.ID), len(a.ID)), strings.Compare(b.ID, a.ID))
	})
}

// readAll reads manifests, unless an index that was read in the meantime
// explains them: each worker goes through a part of the list in its order.
func (s *survey) readAll(ctx context.Context, digests []image.Digest) error {
	group, ctx := errgroup.WithContext(ctx)
	for part := range slices.Chunk(digests, max(inOrder, (len(digests)+atOnce-1)/atOnce)) {
		group.Go(func() error {
			for _, d := range part {
				if err := s.read(ctx, d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// claim reports whether who asks is to read the manifest.
func (s *survey) claim(d image.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.inventory.Versions[s.place[d]]
	if s.claimed[d] || s.explained[d] && len(v.Tags) == 0 && !isIndex(v.MediaType) {
		return false
	}
	s.claimed[d] = true
	return true
}

func (s *survey) read(ctx context.Context, d image.Digest) error {
	if !s.claim(d) {
		return nil
	}
	m, err := s.manifest(ctx, s.repo.Pin(d))
	if err != nil && fatal(ctx, err) {
		return err
	}
	for _, nested := range s.note(d, m, err) {
		if err := s.read(ctx, nested); err != nil {
			return err
		}
	}
	return nil
}

// note writes down what a manifest says, and returns the indexes in it.
func (s *survey) note(d image.Digest, m manifest, err error) (nested []image.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &s.inventory.Versions[s.place[d]]
	switch {
	case err == nil:
		m.describe(v)
	case !errors.Is(err, registry.ErrNotFound):
		v.Unreadable = err.Error()
		return nil
	case s.now().Sub(v.Pushed) < settling:
		v.Unreadable = "it is listed and can't be read yet"
		return nil
	default:
		v.Gone = true
		return nil
	}
	pushed := v.Pushed
	for _, child := range m.Manifests {
		s.explained[child.Digest] = true
		n, listed := s.place[child.Digest]
		switch {
		case listed:
			child.describe(&s.inventory.Versions[n])
		case !s.inventory.Complete:
			s.add(child, pushed)
		default: // where all is listed, it is missing
			continue
		}
		if isIndex(child.MediaType) {
			nested = append(nested, child.Digest)
		}
	}
	return nested
}

// add lists a version that another one names, which is as old as that one for
// all that is known. The caller holds the lock.
func (s *survey) add(d descriptor, pushed time.Time) {
	v := retention.Version{Digest: d.Digest, Pushed: pushed}
	d.describe(&v)
	s.place[d.Digest] = len(s.inventory.Versions)
	s.inventory.Versions = append(s.inventory.Versions, v)
}

// errUnstable is why an inventory is given up.
var errUnstable = errors.New("it changes while it is listed")

func unstable(repo image.Repository) error {
	return hint.Wrap(&listError{repo, errUnstable}, "run the job again when nothing is pushed or deleted there")
}

type listError struct {
	repo image.Repository
	error
}

func (e *listError) Error() string {
	return "take stock of \"" + e.repo.String() + "\": " + e.error.Error()
}
func (e *listError) Unwrap() error { return e.error }
