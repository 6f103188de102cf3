package registries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/steps/cleanup"
	"github.com/org/release-actions/internal/webapi"
)

// untagging is how long Docker Hub may hold on to a manifest whose last tag was
// deleted.
const untagging = 20 * time.Second

// hub lists and deletes tags by Docker Hub's own API, and deletes manifests by
// the registry's, which refuses where something refers to them.
type hub struct {
	watch
	api  *dockerhub.Client
	held sync.Map // image.Pinned, which what refers to it keeps from being deleted
}

func (h *hub) repositories(ctx context.Context, host, pattern string) ([]string, error) {
	namespace, err := owner(host, pattern)
	if err != nil {
		return nil, err
	}
	names, err := h.api.Repositories(ctx, namespace)
	for n, name := range names {
		names[n] = namespace + "/" + name
	}
	return names, err
}

func (h *hub) list(ctx context.Context, r image.Repository) (retention.Inventory, error) {
	for try := 0; ; try++ {
		tags, err := h.tags(ctx, r)
		if err != nil {
			return retention.Inventory{}, err
		}
		manifests, err := h.api.Manifests(ctx, r)
		if err != nil && !optional(err) {
			return retention.Inventory{}, err
		}
		s, agree := h.survey(r, err == nil, nil), true
		if err == nil {
			s, agree = h.join(r, manifests, tags)
		}
		if !agree && try < 3 {
			continue
		}
		if err != nil || !agree {
			h.log.Warn("Docker Hub doesn't list what has no tag: only tags can go", "repository", r.String(), "because", err)
			s = h.survey(r, false, byDigest(tags))
			s.inventory.TagsOnly = true
		} else if err := s.run(ctx); err != nil {
			return retention.Inventory{}, err
		}
		h.remember(s.inventory)
		return s.inventory, nil
	}
}

// optional reports whether a list of manifests may be done without: it is in no
// published description.
func optional(err error) bool {
	return !errors.Is(err, dockerhub.ErrLogin) &&
		(errors.Is(err, webapi.ErrNotFound) || errors.Is(err, webapi.ErrForbidden) || errors.Is(err, webapi.ErrRefused) || errors.Is(err, dockerhub.ErrNoList))
}

// tags returns all tags. Of very many, Docker Hub's API doesn't list the oldest;
// the registry does.
func (h *hub) tags(ctx context.Context, r image.Repository) ([]dockerhub.Tag, error) {
	names, err := h.registry.Tags(ctx, r)
	if err != nil {
		return nil, err
	}
	tags, err := h.api.Tags(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, t := range tags {
		if n := slices.Index(names, t.Name); n >= 0 {
			names = slices.Delete(names, n, n+1)
		}
	}
	missed := make([]dockerhub.Tag, len(names))
	err = each(names, func(n int, name string) (err error) {
		missed[n], err = h.api.Tag(ctx, r, name)
		if errors.Is(err, webapi.ErrNotFound) { // it was deleted in between
			err = nil
		}
		return err
	})
	return append(tags, slices.DeleteFunc(missed, func(t dockerhub.Tag) bool { return t.Name == "" })...), err
}

// join puts tags and manifests together, and reports whether they agree: each
// tag's manifest is listed.
func (h *hub) join(r image.Repository, manifests []dockerhub.Manifest, tags []dockerhub.Tag) (*survey, bool) {
	listed := make([]retention.Version, len(manifests))
	place := make(map[image.Digest]int, len(manifests))
	for n, m := range manifests {
		listed[n] = retention.Version{Digest: m.Digest, MediaType: m.MediaType, Pushed: m.Pushed}
		place[m.Digest] = n
	}
	for _, t := range tags {
		n, ok := place[t.Digest]
		if !ok {
			return nil, false
		}
		listed[n].Tags, listed[n].Pushed = append(listed[n].Tags, t.Name), latest(listed[n].Pushed, t.Pushed)
	}
	return h.survey(r, true, listed), true
}

// byDigest returns what the tags point to.
func byDigest(tags []dockerhub.Tag) []retention.Version {
	var versions []retention.Version
	place := map[image.Digest]int{}
	for _, t := range tags {
		n, ok := place[t.Digest]
		if !ok {
			n = len(versions)
			place[t.Digest] = n
			versions = append(versions, retention.Version{Digest: t.Digest, MediaType: t.MediaType})
		}
		versions[n].Tags, versions[n].Pushed = append(versions[n].Tags, t.Name), latest(versions[n].Pushed, t.Pushed)
	}
	return versions
}

// recheck looks at the version's own tags, at those that were pushed last, and
// at what refers to the version. None of it counts as a pull.
func (h *hub) recheck(ctx context.Context, r image.Repository, v retention.Version) (string, error) {
	s, err := h.snapshot(ctx, r, h.list)
	if err != nil {
		return "", err
	}
	for _, tag := range v.Tags {
		now, err := h.registry.Resolve(ctx, r.Tag(tag))
		if errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if changed, err := h.tagged(ctx, s, r, v, tag, now.Digest); changed != "" || err != nil {
			return changed, err
		}
	}
	newest, err := h.api.NewestTags(ctx, r)
	if err != nil {
		return "", err
	}
	fresh := 0
	for _, t := range newest {
		if s.tags[t.Name] == t.Digest {
			continue
		}
		// The registry knows at once what the API may know later.
		now, err := h.registry.Resolve(ctx, r.Tag(t.Name))
		switch {
		case errors.Is(err, registry.ErrNotFound), err == nil && s.tags[t.Name] == now.Digest:
			continue
		case err != nil:
			return "", err
		}
		fresh++
		if changed, err := h.tagged(ctx, s, r, v, t.Name, now.Digest); changed != "" || err != nil {
			return changed, err
		}
	}
	if fresh > 0 && fresh == len(newest) && len(s.tags) > 0 {
		return fmt.Sprintf("%d tags or more are new, and may need it", fresh), nil
	}
	return h.referred(ctx, s, r, v)
}

// referred says whether the Referrers API lists something new for v.
func (w *watch) referred(ctx context.Context, s *snapshot, r image.Repository, v retention.Version) (string, error) {
	listed, err := w.registry.ListedReferrers(ctx, r.Pin(v.Digest))
	if errors.Is(err, registry.ErrUnsupported) {
		return "", nil
	}
	for _, d := range listed {
		if !s.digests[d.Digest] {
			return fmt.Sprintf("%s, which is new, refers to it", d.Digest), nil
		}
	}
	return "", err
}

// remove deletes a version's tags, then its manifest.
func (h *hub) remove(ctx context.Context, r image.Repository, v retention.Version) error {
	s, err := h.snapshot(ctx, r, h.list)
	if err != nil {
		return err
	}
	for _, tag := range v.Tags {
		if err := h.api.DeleteTag(ctx, r, tag); err != nil && !errors.Is(err, webapi.ErrNotFound) {
			return err
		}
	}
	s.remove(v)
	if s.tagsOnly {
		return nil
	}
	return h.drop(ctx, s, r.Pin(v.Digest), len(v.Tags) > 0)
}

// drop deletes a manifest. An image goes before its signatures; should Docker Hub
// refuse that, since they refer to it, it goes with the last of them.
func (h *hub) drop(ctx context.Context, s *snapshot, p image.Pinned, untagged bool) error {
	isHeld := len(s.holders[p.Digest]) > 0
	switch err := h.removeManifest(ctx, p, untagged && !isHeld); {
	case errors.Is(err, registry.ErrDenied) && isHeld:
		h.held.Store(p, true)
		return cleanup.ErrHeld
	case err != nil:
		return err
	}
	for _, named := range s.refers[p.Digest] {
		delete(s.holders[named], p.Digest)
		next := p.Repository.Pin(named)
		if _, held := h.held.Load(next); !held || len(s.holders[named]) > 0 {
			continue
		}
		h.held.Delete(next)
		if err := h.drop(ctx, s, next, false); err != nil && !errors.Is(err, cleanup.ErrHeld) {
			return err
		}
	}
	return nil
}

// removeManifest deletes a manifest. Where it was untagged just now, a tag may
// still hold it, for a moment.
func (h *hub) removeManifest(ctx context.Context, p image.Pinned, untagged bool) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := h.registry.DeleteManifest(ctx, p)
		switch {
		case err == nil, errors.Is(err, registry.ErrNotFound):
			return struct{}{}, nil
		case errors.Is(err, registry.ErrDenied) && untagged:
			return struct{}{}, err
		}
		// Docker Hub may answer 500, and have it done later by itself.
		if there, lookErr := h.registry.Exists(ctx, p); lookErr == nil && !there {
			return struct{}{}, nil
		}
		return struct{}{}, backoff.Permanent(err)
	}, backoff.WithMaxElapsedTime(untagging))
	return err
}

func (h *hub) restore(context.Context, image.Repository, retention.Version) error {
	return cleanup.ErrNoRestore
}
