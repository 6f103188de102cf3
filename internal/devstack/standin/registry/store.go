package registry

import (
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Tag is a tag as it stands.
type Tag struct {
	Name string
	// Digest and MediaType are those of the manifest or index.
	Digest    v1.Hash
	MediaType types.MediaType
	// Size is the sum of all layers, of all platforms, in bytes.
	Size int64
	// Pushed is when the tag was last put.
	Pushed time.Time
	// Images are the platforms of an index, or the one image.
	Images []Image
}

// Image is the manifest of one platform.
type Image struct {
	Digest v1.Hash
	// Platform is unknown, and nil, for an image that is not in an index.
	Platform *v1.Platform
	// Size is the sum of its layers in bytes.
	Size int64
}

// Store holds repositories in memory. It is safe for concurrent use.
type Store struct {
	mu    sync.RWMutex
	blobs map[v1.Hash][]byte
	repos map[string]*repository
}

// repository holds its blobs by digest only: their bytes are in the store,
// but a repository serves none that was not pushed or mounted to it.
type repository struct {
	blobs     map[v1.Hash]bool
	manifests map[v1.Hash]*manifest
	pushed    []v1.Hash // manifests in the order of their push
	tags      map[string]tag
}

type tag struct {
	digest v1.Hash
	pushed time.Time
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{blobs: map[v1.Hash][]byte{}, repos: map[string]*repository{}}
}

// Has reports whether anything was ever pushed to the repository.
func (s *Store) Has(repo string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.repos[repo] != nil
}

// Repositories returns the names of all repositories in order.
func (s *Store) Repositories() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	names := make([]string, 0, len(s.repos))
	for name := range s.repos {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Tags returns the tags of the repository in order of their names.
func (s *Store) Tags(repo string) []Tag {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.repos[repo]
	if r == nil {
		return nil
	}
	tags := make([]Tag, 0, len(r.tags))
	for name, t := range r.tags {
		m := r.manifests[t.digest]
		described := Tag{Name: name, Digest: t.digest, MediaType: m.mediaType, Pushed: t.pushed, Images: r.images(t.digest, m)}
		for _, image := range described.Images {
			described.Size += image.Size
		}
		tags = append(tags, described)
	}
	slices.SortFunc(tags, func(a, b Tag) int { return strings.Compare(a.Name, b.Name) })
	return tags
}

func (r *repository) images(digest v1.Hash, m *manifest) []Image {
	if !m.mediaType.IsIndex() {
		return []Image{{Digest: digest, Size: m.layerSize()}}
	}
	var images []Image
	for _, child := range m.Manifests {
		image := Image{Digest: child.Digest, Platform: child.Platform}
		if cm := r.manifests[child.Digest]; cm != nil {
			image.Size = cm.layerSize()
		}
		images = append(images, image)
	}
	return images
}

// DeleteTag removes a tag, and reports whether it was there. The manifest
// stays and can be pulled by digest.
func (s *Store) DeleteTag(repo, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[repo]
	if r == nil {
		return false
	}
	_, ok := r.tags[name]
	delete(r.tags, name)
	return ok
}

// repo returns the repository and makes it if it is new. The caller holds
// the lock.
func (s *Store) repo(name string) *repository {
	r := s.repos[name]
	if r == nil {
		r = &repository{blobs: map[v1.Hash]bool{}, manifests: map[v1.Hash]*manifest{}, tags: map[string]tag{}}
		s.repos[name] = r
	}
	return r
}

func (s *Store) blob(repo string, digest v1.Hash) ([]byte, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.repos[repo]; r == nil || !r.blobs[digest] {
		return nil, false
	}
	return s.blobs[digest], true
}

func (s *Store) putBlob(repo string, digest v1.Hash, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.blobs[digest]; !ok {
		s.blobs[digest] = content
	}
	s.repo(repo).blobs[digest] = true
}

// mount makes a blob of one repository known to another.
func (s *Store) mount(repo, from string, digest v1.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[from]; r == nil || !r.blobs[digest] {
		return false
	}
	s.repo(repo).blobs[digest] = true
	return true
}

// manifest returns the manifest that a tag or a digest stands for.
func (s *Store) manifest(repo, reference string) (v1.Hash, *manifest, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.repos[repo]
	if r == nil {
		return v1.Hash{}, nil, errNameUnknown(repo)
	}
	digest, err := v1.NewHash(reference)
	if err != nil {
		digest = r.tags[reference].digest
	}
	m := r.manifests[digest]
	if m == nil {
		return v1.Hash{}, nil, errManifestUnknown(reference)
	}
	return digest, m, nil
}

// putManifest stores a manifest under its digest, and under the tag if there
// is one, unless it refers to something the repository does not hold.
func (s *Store) putManifest(repo, tagName string, digest v1.Hash, m *manifest, now time.Time) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repo(repo)
	if err := r.check(m); err != nil {
		return err
	}
	if r.manifests[digest] == nil {
		r.pushed = append(r.pushed, digest)
	}
	m.pushed = now
	r.manifests[digest] = m
	if tagName != "" {
		r.tags[tagName] = tag{digest, now}
	}
	return nil
}

// check finds references to content that is missing. The subject may be
// missing: the specification allows referrers to be pushed first.
func (r *repository) check(m *manifest) *apiError {
	for _, d := range m.blobs() {
		if !r.blobs[d.Digest] && d.MediaType.IsDistributable() {
			return errorf(400, "MANIFEST_BLOB_UNKNOWN", "blob %q is unknown to the registry", d.Digest)
		}
	}
	for _, d := range m.Manifests {
		if r.manifests[d.Digest] == nil && !r.blobs[d.Digest] {
			return errorf(400, "MANIFEST_BLOB_UNKNOWN", "manifest %q of the index is unknown to the registry", d.Digest)
		}
	}
	return nil
}
