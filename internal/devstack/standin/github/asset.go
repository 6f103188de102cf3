package github

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxAssets is the number of assets a release can have.
const maxAssets = 1000

// unsafeName is what GitHub replaces by a dot in an asset's name.
var unsafeName = regexp.MustCompile(`[^A-Za-z0-9._+@-]+`)

// asset is the state of an asset. Its state is "open" while its upload runs,
// and stays so when that breaks off.
type asset struct {
	id          int64
	name        string
	label       string
	contentType string
	state       string
	content     []byte
	digest      string // of a complete one
	key         string // in the URL that downloads are redirected to
	downloads   int
	created     time.Time
	updated     time.Time
}

// routeAssets registers https://docs.github.com/rest/releases/assets, apart
// from what routeReleases and Uploads serve.
func (s *Server) routeAssets(mux *http.ServeMux) {
	const base = "/repos/{owner}/{repo}/releases/assets/{asset}"
	mux.HandleFunc("PATCH "+base, s.writer(s.locked(s.updateAsset)))
	mux.HandleFunc("DELETE "+base, s.writer(s.locked(s.deleteAsset)))
}

func (s *Server) findAsset(r *http.Request, c caller) (*release, *asset) {
	id, err := strconv.ParseInt(r.PathValue("asset"), 10, 64)
	if err != nil {
		return nil, nil
	}
	for _, rel := range s.repo.releases {
		for _, a := range rel.assets {
			if a.id == id && rel.visible(c) {
				return rel, a
			}
		}
	}
	return nil, nil
}

func (s *Server) uploadAsset(w http.ResponseWriter, r *http.Request, c caller) {
	rel, a := s.reserve(w, r, c)
	if a == nil {
		return
	}
	content, err := io.ReadAll(r.Body)
	digest := sha256.Sum256(content)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.content, a.updated = content, s.now()
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone, and the asset stays open
	}
	if !slices.Contains(rel.assets, a) {
		notFound(w)
		return
	}
	a.state, a.digest = "uploaded", fmt.Sprintf("sha256:%x", digest)
	send(w, http.StatusCreated, s.repo.renderAsset(rel, a))
}

// reserve checks an upload before its body is read, and takes its name.
func (s *Server) reserve(w http.ResponseWriter, r *http.Request, c caller) (*release, *asset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rel := s.find(r, c)
	if rel == nil {
		notFound(w)
		return nil, nil
	}
	name := assetName(r.URL.Query().Get("name"))
	switch {
	case name == "":
		invalid(w, "ReleaseAsset", "name", "missing_field", "")
	case r.ContentLength <= 0:
		fail(w, http.StatusBadRequest, "Bad Content-Length: "+r.Header.Get("Content-Length"))
	case rel.immutable:
		fail(w, http.StatusUnprocessableEntity, "Cannot upload assets to an immutable release.")
	case rel.named(name) != nil:
		invalid(w, "ReleaseAsset", "name", "already_exists", "")
	case len(rel.assets) >= maxAssets:
		invalid(w, "ReleaseAsset", "file_count", "custom", "file_count limited to 1000 assets per release")
	default:
		contentType := r.Header.Get("Content-Type")
		if contentType == "" {
			contentType = "application/octet-stream"
		}
		now := s.now()
		a := &asset{
			id: s.id(), name: name, label: r.URL.Query().Get("label"), contentType: contentType,
			state: "open", key: randomHex(), created: now, updated: now,
		}
		rel.assets = append(rel.assets, a)
		return rel, a
	}
	return nil, nil
}

func assetName(name string) string { return unsafeName.ReplaceAllString(name, ".") }

func (rel *release) named(name string) *asset {
	for _, a := range rel.assets {
		if strings.EqualFold(a.name, name) {
			return a
		}
	}
	return nil
}

func (s *Server) listAssets(w http.ResponseWriter, r *http.Request, c caller) {
	rel := s.find(r, c)
	if rel == nil {
		notFound(w)
		return
	}
	all := []object{}
	for _, a := range rel.assets {
		all = append(all, s.repo.renderAsset(rel, a))
	}
	page(w, r, all)
}

// getAsset sends the asset's object, or the way to its content to a client
// that accepts application/octet-stream.
func (s *Server) getAsset(w http.ResponseWriter, r *http.Request, c caller) {
	rel, a := s.findAsset(r, c)
	switch {
	case a == nil:
		notFound(w)
	case strings.Contains(r.Header.Get("Accept"), "application/octet-stream"):
		a.redirect(w)
	default:
		send(w, http.StatusOK, s.repo.renderAsset(rel, a))
	}
}

func (s *Server) updateAsset(w http.ResponseWriter, r *http.Request, c caller) {
	rel, a := s.findAsset(r, c)
	if a == nil {
		notFound(w)
		return
	}
	var in struct{ Name, Label *string }
	if !decode(w, r, &in) {
		return
	}
	name := a.name
	if in.Name != nil {
		name = assetName(*in.Name)
	}
	other := rel.named(name)
	switch {
	case rel.immutable:
		fail(w, http.StatusUnprocessableEntity, "Cannot update assets of an immutable release.")
	case name == "":
		invalid(w, "ReleaseAsset", "name", "missing_field", "")
	case other != nil && other != a:
		invalid(w, "ReleaseAsset", "name", "already_exists", "")
	default:
		a.name, a.updated = name, s.now()
		set(&a.label, in.Label)
		send(w, http.StatusOK, s.repo.renderAsset(rel, a))
	}
}

func (s *Server) deleteAsset(w http.ResponseWriter, r *http.Request, c caller) {
	rel, a := s.findAsset(r, c)
	switch {
	case a == nil:
		notFound(w)
	case rel.immutable:
		fail(w, http.StatusUnprocessableEntity, "Cannot delete assets of an immutable release.")
	default:
		rel.assets = slices.DeleteFunc(rel.assets, func(other *asset) bool { return other == a })
		w.WriteHeader(http.StatusNoContent)
	}
}

// renderAsset returns the release-asset object.
func (p *repository) renderAsset(rel *release, a *asset) object {
	o := object{
		"id": a.id, "node_id": nodeID("RA", a.id), "name": a.name, "label": a.label, "state": a.state,
		"content_type": a.contentType, "size": len(a.content), "digest": nil, "download_count": a.downloads,
		"url":                  p.api("/releases/assets/" + strconv.FormatInt(a.id, 10)),
		"browser_download_url": p.web("/releases/download/" + rel.urlTag() + "/" + url.PathEscape(a.name)),
		"uploader":             bot(), "created_at": timestamp(a.created), "updated_at": timestamp(a.updated),
	}
	if a.state == "uploaded" {
		o["digest"] = a.digest
	}
	return o
}
