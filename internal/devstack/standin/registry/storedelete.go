package registry

import (
	"net/http"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Manifest is a manifest or an index as it is stored, with or without tags.
type Manifest struct {
	Digest    v1.Hash
	MediaType types.MediaType
	Tags      []string  // in order
	Pushed    time.Time // last
	// Size is the sum of its layers, of all platforms, in bytes.
	Size int64
}

// Manifests returns all manifests of the repository, the newest first.
func (s *Store) Manifests(repo string) []Manifest {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.repos[repo]
	if r == nil {
		return nil
	}
	tags := map[v1.Hash][]string{}
	for name, t := range r.tags {
		tags[t.digest] = append(tags[t.digest], name)
	}
	var all []Manifest
	for _, digest := range slices.Backward(r.pushed) {
		m := r.manifests[digest]
		described := Manifest{Digest: digest, MediaType: m.mediaType, Tags: tags[digest], Pushed: m.pushed}
		slices.Sort(described.Tags)
		for _, image := range r.images(digest, m) {
			described.Size += image.Size
		}
		all = append(all, described)
	}
	return all
}

// deleteManifest removes a manifest that nothing refers to.
//
// https://docs.docker.com/reference/api/registry/latest/operations/DeleteImageManifest/
func (s *Store) deleteManifest(repo, reference string) *apiError {
	digest, _, err := s.manifest(repo, reference)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[repo]
	if r.refersTo(digest) {
		return errorf(http.StatusForbidden, "DENIED", "manifest %q is still referenced", digest)
	}
	delete(r.manifests, digest)
	r.pushed = slices.DeleteFunc(r.pushed, func(d v1.Hash) bool { return d == digest })
	return nil
}

// refersTo reports whether a tag, an index or a referrer has the digest. The
// caller holds the lock.
func (r *repository) refersTo(digest v1.Hash) bool {
	for _, t := range r.tags {
		if t.digest == digest {
			return true
		}
	}
	for _, m := range r.manifests {
		if m.Subject != nil && m.Subject.Digest == digest || slices.ContainsFunc(m.Manifests, func(d v1.Descriptor) bool { return d.Digest == digest }) {
			return true
		}
	}
	return false
}
