// Package retentiontest is a registry in memory that knows all of its own
// truth, and random ones, for tests of what may be removed from it.
package retentiontest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
)

// Registry holds one repository. It has no locks.
type Registry struct {
	Repository image.Repository
	Complete   bool // lists all versions, not only those that have a tag or are named by one
	TagsOnly   bool
	Now        time.Time
	// Hidden are versions whose manifest nobody can read: the inventory has
	// nothing of what they need.
	Hidden map[image.Digest]bool

	versions map[image.Digest]*retention.Version
	order    []image.Digest // as they were pushed
	tags     map[string]image.Digest
	subjects map[image.Digest][]image.Digest // who has it as a subject, or had before it was deleted
}

// New returns an empty registry.
func New(repository image.Repository, now time.Time) *Registry {
	return &Registry{
		Repository: repository, Complete: true, Now: now, Hidden: map[image.Digest]bool{},
		versions: map[image.Digest]*retention.Version{}, tags: map[string]image.Digest{}, subjects: map[image.Digest][]image.Digest{},
	}
}

// Digest returns a digest made of a seed.
func Digest(seed string) image.Digest {
	sum := sha256.Sum256([]byte(seed))
	return image.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Push adds a version, or tags to the one that is there.
func (r *Registry) Push(v retention.Version) image.Digest {
	if v.Pushed.IsZero() {
		v.Pushed = r.Now
	}
	for _, tag := range v.Tags {
		if old, there := r.versions[r.tags[tag]]; there {
			old.Tags = slices.DeleteFunc(old.Tags, func(t string) bool { return t == tag })
		}
		r.tags[tag] = v.Digest
	}
	if old, there := r.versions[v.Digest]; there {
		old.Tags = append(old.Tags, v.Tags...)
		if old.Pushed.Before(v.Pushed) {
			old.Pushed = v.Pushed
		}
		return v.Digest
	}
	v.Tags = slices.Clone(v.Tags)
	r.versions[v.Digest] = &v
	r.order = append(r.order, v.Digest)
	if v.Subject != "" {
		r.subjects[v.Subject] = append(r.subjects[v.Subject], v.Digest)
	}
	return v.Digest
}

// Version returns a version, or nil.
func (r *Registry) Version(d image.Digest) *retention.Version { return r.versions[d] }

// Digests returns those of all versions, the first pushed first.
func (r *Registry) Digests() []image.Digest { return slices.Clone(r.order) }

// Delete removes a version with its tags, or in a TagsOnly registry its tags.
func (r *Registry) Delete(d image.Digest) {
	v, there := r.versions[d]
	if !there {
		return
	}
	for _, tag := range v.Tags {
		delete(r.tags, tag)
	}
	if r.TagsOnly {
		v.Tags = nil
		return
	}
	delete(r.versions, d)
	r.order = slices.DeleteFunc(r.order, func(o image.Digest) bool { return o == d })
}

// Inventory lists the registry, the last pushed first.
func (r *Registry) Inventory() retention.Inventory {
	inv := retention.Inventory{Repository: r.Repository, Complete: r.Complete, TagsOnly: r.TagsOnly}
	for _, d := range slices.Backward(r.order) {
		v := *r.versions[d]
		v.Tags = slices.Clone(v.Tags)
		if r.Hidden[d] {
			v.Unreadable, v.Children, v.Subject, v.MediaType, v.Blobs = "the server answered 500", nil, "", "", nil
		}
		if v.Gone {
			v.Children, v.Subject = nil, ""
		}
		inv.Versions = append(inv.Versions, v)
	}
	return inv
}

// Named returns the tags that people gave, and what they point to.
func (r *Registry) Named() map[string]image.Digest {
	named := map[string]image.Digest{}
	for tag, d := range r.tags {
		if !strings.HasPrefix(tag, "sha256-") {
			named[tag] = d
		}
	}
	return named
}

// Pull returns all that a client reads that pulls a version on every platform
// and verifies it: its images, and the signatures and attestations of each. The walk is the client's, and knows nothing
// of how retention sees things.
func (r *Registry) Pull(d image.Digest) map[image.Digest]bool {
	read := map[image.Digest]bool{}
	var pull func(d image.Digest)
	pull = func(d image.Digest) {
		v, there := r.versions[d]
		if !there || v.Gone || read[d] {
			return
		}
		read[d] = true
		for _, child := range v.Children {
			pull(child.Digest)
		}
		for _, signature := range r.discover(d) {
			pull(signature)
		}
	}
	pull(d)
	return read
}

// discover finds what refers to a digest as clients do: through the Referrers
// API, the fallback tag, and cosign's tags.
func (r *Registry) discover(d image.Digest) []image.Digest {
	found := slices.Clone(r.subjects[d])
	for _, suffix := range []string{"", ".sig", ".att", ".sbom"} {
		if tagged, there := r.tags["sha256-"+d.Hex()+suffix]; there {
			found = append(found, tagged)
		}
	}
	return found
}

// Broken says what a client that pulls now misses of what it read before.
func (r *Registry) Broken(d image.Digest, before map[image.Digest]bool) error {
	now := r.Pull(d)
	for part := range before {
		if !now[part] {
			return fmt.Errorf("%s has lost %s", d, part)
		}
	}
	return nil
}
