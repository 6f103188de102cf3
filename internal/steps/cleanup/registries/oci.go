package registries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/steps/cleanup"
)

// lookEvery is how often all tags are looked at again while versions are
// deleted: the protocol has no list of what is new.
const lookEvery = 5 * time.Second

// oci knows the registry protocol alone. That lists tags, and referrers; so what
// has no tag is known only where something that is listed names it, and a time
// only where an image says when it was made.
type oci struct {
	watch

	looks sync.Map // image.Repository → look
}

// look is what all tags of a repository pointed to at a time.
type look struct {
	at   time.Time
	tags map[string]image.Digest
}

func (o *oci) repositories(_ context.Context, host, pattern string) ([]string, error) {
	return nil, hint.New(fmt.Sprintf("%q: the registry protocol lists no repositories of an account", host+"/"+pattern), "name each repository, one a line")
}

func (o *oci) list(ctx context.Context, r image.Repository) (retention.Inventory, error) {
	tags, err := o.tags(ctx, r)
	if err != nil {
		return retention.Inventory{}, err
	}
	var listed []retention.Version
	place := map[image.Digest]int{}
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		n, ok := place[tags[tag]]
		if !ok {
			n = len(listed)
			place[tags[tag]] = n
			listed = append(listed, retention.Version{Digest: tags[tag]})
		}
		listed[n].Tags = append(listed[n].Tags, tag)
	}
	read := o.remembering()
	if err := each(listed, func(n int, v retention.Version) (err error) {
		listed[n].Pushed, err = read.made(ctx, r.Pin(v.Digest))
		return err
	}); err != nil {
		return retention.Inventory{}, err
	}
	s := read.survey(r, false, listed)
	if err := s.run(ctx); err != nil {
		return retention.Inventory{}, err
	}
	if err := o.complete(ctx, s); err != nil {
		return retention.Inventory{}, err
	}
	o.remember(s.inventory)
	return s.inventory, nil
}

// tags returns what each tag points to, as they are at one moment.
func (o *oci) tags(ctx context.Context, r image.Repository) (map[string]image.Digest, error) {
	names, err := o.registry.Tags(ctx, r)
	for try := 0; err == nil; try++ {
		if try == 3 {
			return nil, unstable(r)
		}
		digests := make([]image.Digest, len(names))
		err = each(names, func(n int, name string) error {
			p, err := o.registry.Resolve(ctx, r.Tag(name))
			if errors.Is(err, registry.ErrNotFound) { // it was deleted in between
				err = nil
			}
			digests[n] = p.Digest
			return err
		})
		if err != nil {
			return nil, err
		}
		before := names
		if names, err = o.registry.Tags(ctx, r); err != nil || !slices.Equal(before, names) || slices.Contains(digests, "") {
			continue
		}
		tags := make(map[string]image.Digest, len(names))
		for n, name := range names {
			tags[name] = digests[n]
		}
		return tags, nil
	}
	return nil, err
}

// made returns when an image or an index says that it was made, or zero.
func (r *reader) made(ctx context.Context, p image.Pinned) (time.Time, error) {
	m, err := r.manifest(ctx, p)
	if err != nil {
		if fatal(ctx, err) {
			return time.Time{}, err
		}
		return time.Time{}, nil // it is unreadable, which the survey says
	}
	if t := made(m.Annotations["org.opencontainers.image.created"]); !t.IsZero() {
		return t, nil
	}
	if isIndex(m.MediaType) && len(m.Manifests) > 0 && m.Manifests[0].Digest != p.Digest {
		return r.made(ctx, p.Repository.Pin(m.Manifests[0].Digest))
	}
	if m.Config == nil || m.ArtifactType != "" {
		return time.Time{}, nil
	}
	config := p.Repository.Pin(m.Config.Digest)
	raw := r.cache.get(config.Digest)
	if raw == nil {
		if raw, err = r.registry.Blob(ctx, config, m.Config.Size); err != nil {
			if fatal(ctx, err) {
				return time.Time{}, err
			}
			return time.Time{}, nil // the image is broken; what has no time counts as new
		}
		_ = r.cache.put(config.Digest, raw) // it is read once more, then
	}
	var said struct{ Created string }
	if json.Unmarshal(raw, &said) != nil {
		return time.Time{}, nil
	}
	return made(said.Created), nil
}

// complete asks for the referrers of images and indexes, and whether what is
// only named by others is there.
func (o *oci) complete(ctx context.Context, s *survey) error {
	versions := slices.Clone(s.inventory.Versions)
	referrers := make([][]registry.Descriptor, len(versions))
	err := each(versions, func(n int, v retention.Version) error {
		p := s.repo.Pin(v.Digest)
		if len(v.Tags) == 0 && !s.claimed[v.Digest] {
			there, err := o.registry.Exists(ctx, p)
			if err != nil && fatal(ctx, err) {
				return err
			}
			s.inventory.Versions[n].Gone = err == nil && !there
		}
		if v.Subject != "" || v.ArtifactType != "" {
			return nil // what refers to a signature is nobody's
		}
		found, err := o.registry.ListedReferrers(ctx, p)
		if err != nil && !errors.Is(err, registry.ErrUnsupported) {
			return err
		}
		referrers[n] = found
		return nil
	})
	if err != nil {
		return err
	}
	for n, found := range referrers {
		for _, d := range found {
			place, known := s.place[d.Digest]
			if !known {
				s.add(descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, ArtifactType: d.ArtifactType}, versions[n].Pushed)
				place = s.place[d.Digest]
			}
			if s.inventory.Versions[place].Subject == "" {
				s.inventory.Versions[place].Subject = versions[n].Digest
			}
		}
	}
	return nil
}

// recheck looks at the version's own tags, at all others, at most some seconds
// ago, and at what refers to the version.
func (o *oci) recheck(ctx context.Context, r image.Repository, v retention.Version) (string, error) {
	s, err := o.snapshot(ctx, r, o.list)
	if err != nil {
		return "", err
	}
	for _, tag := range v.Tags {
		now, err := o.registry.Resolve(ctx, r.Tag(tag))
		if errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if changed, err := o.tagged(ctx, s, r, v, tag, now.Digest); changed != "" || err != nil {
			return changed, err
		}
	}
	tags, err := o.look(ctx, r)
	if err != nil {
		return "", err
	}
	for tag, digest := range tags {
		if s.tags[tag] == digest || slices.Contains(v.Tags, tag) {
			continue
		}
		if changed, err := o.tagged(ctx, s, r, v, tag, digest); changed != "" || err != nil {
			return changed, err
		}
	}
	return o.referred(ctx, s, r, v)
}

func (o *oci) look(ctx context.Context, r image.Repository) (map[string]image.Digest, error) {
	if last, ok := o.looks.Load(r); ok && o.now().Sub(last.(look).at) < lookEvery {
		return last.(look).tags, nil
	}
	at := o.now()
	tags, err := o.tags(ctx, r)
	if err == nil {
		o.looks.Store(r, look{at, tags})
	}
	return tags, err
}

func (o *oci) remove(ctx context.Context, r image.Repository, v retention.Version) error {
	s, err := o.snapshot(ctx, r, o.list)
	if err != nil {
		return err
	}
	err = o.registry.DeleteManifest(ctx, r.Pin(v.Digest))
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return err
	}
	s.remove(v)
	return nil
}

func (o *oci) restore(context.Context, image.Repository, retention.Version) error {
	return cleanup.ErrNoRestore
}
