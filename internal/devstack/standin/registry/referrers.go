package registry

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// referrers returns the descriptors of the manifests whose subject is the
// digest, in the order of their push.
func (s *Store) referrers(repo string, subject v1.Hash) []v1.Descriptor {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := []v1.Descriptor{}
	r := s.repos[repo]
	if r == nil {
		return found
	}
	for _, digest := range r.pushed {
		m := r.manifests[digest]
		if m.Subject == nil || m.Subject.Digest != subject {
			continue
		}
		artifactType := m.ArtifactType
		if artifactType == "" && m.Config != nil {
			artifactType = string(m.Config.MediaType)
		}
		found = append(found, v1.Descriptor{
			MediaType: m.mediaType, Size: int64(len(m.raw)), Digest: digest,
			ArtifactType: artifactType, Annotations: m.Annotations,
		})
	}
	return found
}

// getReferrers lists referrers. A subject that is not there has none, which is
// not an error.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
func (h *Hub) getReferrers(w http.ResponseWriter, r *http.Request, repo, reference string) *apiError {
	subject, err := v1.NewHash(reference)
	if err != nil {
		return errorf(http.StatusBadRequest, "DIGEST_INVALID", "%q is not a digest", reference)
	}
	found := h.store.referrers(repo, subject)
	if want := r.URL.Query().Get("artifactType"); want != "" {
		found = slices.DeleteFunc(found, func(d v1.Descriptor) bool { return d.ArtifactType != want })
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	return sendJSON(w, r, string(types.OCIImageIndex), v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: found,
	})
}

// getTags lists tags in order, in pages of n from after last.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
func (h *Hub) getTags(w http.ResponseWriter, r *http.Request, repo string) *apiError {
	if !h.store.Has(repo) {
		return errNameUnknown(repo)
	}
	names := []string{}
	query := r.URL.Query()
	for _, t := range h.store.Tags(repo) {
		if t.Name > query.Get("last") {
			names = append(names, t.Name)
		}
	}
	if query.Has("n") {
		n, err := strconv.Atoi(query.Get("n"))
		if err != nil || n < 0 {
			return errorf(http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n=%q is not a page size", query.Get("n"))
		}
		if n < len(names) {
			names = names[:n]
			if n > 0 {
				next := url.Values{"last": {names[n-1]}, "n": {strconv.Itoa(n)}}
				w.Header().Set("Link", "</v2/"+repo+"/tags/list?"+next.Encode()+`>; rel="next"`)
			}
		}
	}
	return sendJSON(w, r, "application/json", map[string]any{"name": repo, "tags": names})
}

func sendJSON(w http.ResponseWriter, r *http.Request, contentType string, v any) *apiError {
	body, err := json.Marshal(v)
	if err != nil {
		return errorf(http.StatusInternalServerError, "UNKNOWN", "%v", err)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone is no concern of the server
	}
	return nil
}
