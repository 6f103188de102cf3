package github

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// release is the state of a release.
type release struct {
	id          int64
	tag, target string
	name, body  *string
	draft       bool
	prerelease  bool
	immutable   bool
	discussion  string
	untagged    string // stands for the tag in a draft's URL
	created     time.Time
	updated     time.Time
	publishedAt time.Time
	assets      []*asset // oldest first
}

// routeReleases registers https://docs.github.com/rest/releases/releases.
func (s *Server) routeReleases(mux *http.ServeMux) {
	const base = "/repos/{owner}/{repo}/releases"
	mux.HandleFunc("GET "+base, s.reader(s.listReleases))
	mux.HandleFunc("POST "+base, s.writer(s.locked(s.createRelease)))
	mux.HandleFunc("POST "+base+"/generate-notes", s.writer(s.locked(s.generateNotes)))
	mux.HandleFunc("GET "+base+"/latest", s.reader(s.getLatest))
	mux.HandleFunc("GET "+base+"/{id}", s.reader(s.getRelease))
	mux.HandleFunc("PATCH "+base+"/{id}", s.writer(s.locked(s.updateRelease)))
	mux.HandleFunc("DELETE "+base+"/{id}", s.writer(s.locked(s.deleteRelease)))
	// ServeMux refuses tags/{tag...}, assets/{id} and {id}/assets beside each
	// other, since tags/assets would match two of them.
	mux.HandleFunc("GET "+base+"/{first}/{rest...}", func(w http.ResponseWriter, r *http.Request) {
		first, rest := r.PathValue("first"), r.PathValue("rest")
		switch {
		case first == "tags":
			r.SetPathValue("tag", rest)
			s.reader(s.getReleaseByTag)(w, r)
		case first == "assets":
			r.SetPathValue("asset", rest)
			s.reader(s.getAsset)(w, r)
		case rest == "assets":
			r.SetPathValue("id", first)
			s.reader(s.listAssets)(w, r)
		default:
			notFound(w)
		}
	})
}

// find returns the release that a path value numbers, as far as the caller may
// see it.
func (s *Server) find(r *http.Request, c caller) *release {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil
	}
	for _, rel := range s.repo.releases {
		if rel.id == id && rel.visible(c) {
			return rel
		}
	}
	return nil
}

// visible reports whether the caller sees the release: drafts are for those
// who may write.
func (rel *release) visible(c caller) bool { return !rel.draft || c.write }

// published returns the release of a tag, which is never a draft.
func (p *repository) published(tag string) *release {
	for _, rel := range p.releases {
		if rel.tag == tag && !rel.draft {
			return rel
		}
	}
	return nil
}

func (s *Server) listReleases(w http.ResponseWriter, r *http.Request, c caller) {
	all := []object{}
	for _, rel := range slices.Backward(s.repo.releases) {
		if rel.visible(c) {
			all = append(all, s.repo.renderRelease(rel))
		}
	}
	page(w, r, all)
}

func (s *Server) getRelease(w http.ResponseWriter, r *http.Request, c caller) {
	s.sendRelease(w, s.find(r, c))
}

func (s *Server) getReleaseByTag(w http.ResponseWriter, r *http.Request, _ caller) {
	s.sendRelease(w, s.repo.published(r.PathValue("tag")))
}

func (s *Server) getLatest(w http.ResponseWriter, _ *http.Request, _ caller) {
	s.sendRelease(w, s.repo.latestRelease())
}

// latestRelease returns the release marked as latest; without one, the newest
// that may be it.
func (p *repository) latestRelease() *release {
	if p.latest != nil {
		return p.latest
	}
	for _, rel := range slices.Backward(p.releases) {
		if !rel.draft && !rel.prerelease {
			return rel
		}
	}
	return nil
}

func (s *Server) sendRelease(w http.ResponseWriter, rel *release) {
	if rel == nil {
		notFound(w)
		return
	}
	send(w, http.StatusOK, s.repo.renderRelease(rel))
}

func (s *Server) deleteRelease(w http.ResponseWriter, r *http.Request, c caller) {
	rel := s.find(r, c)
	if rel == nil {
		notFound(w)
		return
	}
	s.repo.releases = slices.DeleteFunc(s.repo.releases, func(other *release) bool { return other == rel })
	if s.repo.latest == rel {
		s.repo.latest = nil
	}
	w.WriteHeader(http.StatusNoContent)
}

// renderRelease returns the release object.
func (p *repository) renderRelease(rel *release) object {
	api := p.api("/releases/" + strconv.FormatInt(rel.id, 10))
	assets := []object{}
	for _, a := range rel.assets {
		assets = append(assets, p.renderAsset(rel, a))
	}
	o := object{
		"id": rel.id, "node_id": nodeID("RE", rel.id), "url": api, "html_url": p.web("/releases/tag/" + rel.urlTag()),
		"assets_url": api + "/assets",
		"upload_url": "https://" + UploadsHost + "/repos/" + p.fullName() + "/releases/" + strconv.FormatInt(rel.id, 10) + "/assets{?name,label}",
		"tag_name":   rel.tag, "target_commitish": rel.target, "name": rel.name, "body": rel.body,
		"draft": rel.draft, "prerelease": rel.prerelease, "immutable": rel.immutable,
		"created_at": timestamp(rel.created), "updated_at": timestamp(rel.updated), "published_at": nil,
		"tarball_url": nil, "zipball_url": nil, "author": bot(), "assets": assets,
	}
	if !rel.draft {
		o["published_at"] = timestamp(rel.publishedAt)
		o["tarball_url"], o["zipball_url"] = p.api("/tarball/"+rel.tag), p.api("/zipball/"+rel.tag)
		if rel.discussion != "" {
			o["discussion_url"] = p.web("/discussions/" + strconv.FormatInt(rel.id, 10))
		}
	}
	return o
}

// urlTag is what stands for the tag in URLs of pages and downloads.
func (rel *release) urlTag() string {
	if rel.draft {
		return rel.untagged
	}
	return url.PathEscape(rel.tag)
}
