package dockerhub

import (
	"net/http"

	"github.com/org/release-actions/internal/devstack/standin/registry"
)

// listManifests sends manifests with and without tags. It is in no published
// description, but what Docker Hub's image management shows. There are no
// numbers of pages: each answer has the key to ask for what follows.
//
// https://github.com/docker/roadmap/issues/795
func (s *Server) listManifests(w http.ResponseWriter, r *http.Request, name string) {
	all := s.store.Manifests(name)
	if after := r.URL.Query().Get("last_evaluated_key"); after != "" {
		for n, m := range all {
			if m.Digest.String() == after {
				all = all[n+1:]
				break
			}
		}
	}
	size := min(positive(r.URL.Query().Get("page_size"), defaultPage), maxPage)
	answer := object{"manifests": []object{}, "last_evaluated_key": ""}
	results := []object{}
	for _, m := range all[:min(size, len(all))] {
		results = append(results, renderManifest(m))
	}
	if len(all) > size {
		answer["last_evaluated_key"] = all[size-1].Digest.String()
	}
	answer["manifests"] = results
	send(w, http.StatusOK, answer)
}

func renderManifest(m registry.Manifest) object {
	return object{
		"manifest_digest": m.Digest.String(), "media_type": string(m.MediaType), "tags": append([]string{}, m.Tags...),
		"last_pushed": timestamp(m.Pushed), "last_pulled": "0001-01-01T00:00:00Z", "total_size": m.Size,
	}
}
