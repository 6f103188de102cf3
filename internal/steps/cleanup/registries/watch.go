package registries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
)

// watch knows what was in each repository when it was listed, and so what is
// new in it.
type watch struct {
	*reader

	mu    sync.Mutex
	known map[image.Repository]*snapshot
}

// snapshot is what a repository had.
type snapshot struct {
	digests map[image.Digest]bool
	ids     map[string]bool
	tags    map[string]image.Digest
	// removed was there, and isn't any more; if it is, somebody has pushed it again.
	removed map[image.Digest]bool
	// refers are the digests that a manifest names, as its subject or its entries;
	// holders are the reverse.
	refers  map[image.Digest][]image.Digest
	holders map[image.Digest]map[image.Digest]bool
	// tagsOnly is retention.Inventory's.
	tagsOnly bool
	// fresh are manifests that came since, by digest.
	fresh map[image.Digest]manifest
}

func newWatch(r *reader) watch { return watch{reader: r, known: map[image.Repository]*snapshot{}} }

// remember keeps what is in an inventory.
func (w *watch) remember(inv retention.Inventory) {
	s := &snapshot{
		digests: map[image.Digest]bool{}, ids: map[string]bool{}, tags: map[string]image.Digest{}, removed: map[image.Digest]bool{},
		refers: map[image.Digest][]image.Digest{}, holders: map[image.Digest]map[image.Digest]bool{},
		tagsOnly: inv.TagsOnly, fresh: map[image.Digest]manifest{},
	}
	for _, v := range inv.Versions {
		s.digests[v.Digest], s.ids[v.ID] = true, true
		if v.Subject != "" {
			s.refer(v.Digest, v.Subject)
		}
		for _, child := range v.Children {
			s.refer(v.Digest, child.Digest)
		}
		for _, tag := range v.Tags {
			s.tags[tag] = v.Digest
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[inv.Repository] = s
}

// remove forgets a version that was deleted.
func (s *snapshot) remove(v retention.Version) {
	s.removed[v.Digest] = true
	delete(s.digests, v.Digest)
	for _, tag := range v.Tags {
		delete(s.tags, tag)
	}
}

func (s *snapshot) refer(from, to image.Digest) {
	s.refers[from] = append(s.refers[from], to)
	if s.holders[to] == nil {
		s.holders[to] = map[image.Digest]bool{}
	}
	s.holders[to][from] = true
}

// snapshot returns what a repository had when it was listed, or lists it.
func (w *watch) snapshot(ctx context.Context, r image.Repository, list func(context.Context, image.Repository) (retention.Inventory, error)) (*snapshot, error) {
	w.mu.Lock()
	s := w.known[r]
	w.mu.Unlock()
	if s != nil {
		return s, nil
	}
	if _, err := list(ctx, r); err != nil {
		return nil, err
	}
	return w.snapshot(ctx, r, list)
}

// tagged says what a tag that now points to digest means for v: that it is v's
// now, that it isn't any more, or that what it points to is new, and needs v or
// belongs to it.
func (w *watch) tagged(ctx context.Context, s *snapshot, r image.Repository, v retention.Version, tag string, digest image.Digest) (changed string, err error) {
	switch had := slices.Contains(v.Tags, tag); {
	case digest == v.Digest && !had:
		return fmt.Sprintf("it has the tag %q now", tag), nil
	case digest != v.Digest && had:
		return fmt.Sprintf("its tag %q points to %s now", tag, digest), nil
	case belongsTo(tag, v.Digest) && s.tags[tag] != digest:
		return fmt.Sprintf("the tag %q, which holds what belongs to it, points to %s now", tag, digest), nil
	}
	return w.appeared(ctx, s, r, v, digest, []string{tag})
}

// appeared says whether a digest is new since the listing, and needs v or
// belongs to it. Of what can't be read, that must be assumed.
func (w *watch) appeared(ctx context.Context, s *snapshot, r image.Repository, v retention.Version, digest image.Digest, tags []string) (changed string, err error) {
	if s.digests[digest] {
		return "", nil
	}
	m, ok := s.fresh[digest]
	if !ok {
		m, err = w.manifest(ctx, r.Pin(digest))
		switch {
		case errors.Is(err, registry.ErrNotFound) && s.removed[digest]:
			return "", nil // the listing doesn't know yet
		case errors.Is(err, registry.ErrNotFound):
			return "something new, " + string(digest) + ", can't be read yet", nil
		case err != nil && fatal(ctx, err):
			return "", err
		case err != nil:
			return "something new, " + string(digest) + ", can't be read", nil //nolint:nilerr // what can't be read may need anything
		}
		s.fresh[digest] = m
	}
	if m.refersTo(v.Digest, tags) {
		return fmt.Sprintf("%s, which is new, refers to it", digest), nil
	}
	for _, child := range m.Manifests {
		if isIndex(child.MediaType) && child.Digest != digest {
			if changed, err := w.appeared(ctx, s, r, v, child.Digest, nil); changed != "" || err != nil {
				return changed, err
			}
		}
	}
	return "", nil
}
