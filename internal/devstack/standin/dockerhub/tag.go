package dockerhub

import (
	"hash/crc32"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/devstack/standin/registry"
)

// The sizes of a page of tags.
const (
	defaultPage = 10
	maxPage     = 100
)

// listTags sends a page of the tags, the newest first. A page past the last is
// not found.
func (s *Server) listTags(w http.ResponseWriter, r *http.Request, name string) {
	tags := s.store.Tags(name)
	slices.SortStableFunc(tags, func(a, b registry.Tag) int { return b.Pushed.Compare(a.Pushed) })
	sendPage(w, r, len(tags), func(n int) object { return renderTag(name, tags[n]) })
}

// sendPage sends a page of count objects.
func sendPage(w http.ResponseWriter, r *http.Request, count int, render func(n int) object) {
	size := min(positive(r.URL.Query().Get("page_size"), defaultPage), maxPage)
	number := positive(r.URL.Query().Get("page"), 1)
	from := (number - 1) * size
	if from > 0 && from >= count {
		notFound(w)
		return
	}
	to := min(from+size, count)
	results := []object{}
	for n := from; n < to; n++ {
		results = append(results, render(n))
	}
	answer := object{"count": count, "next": nil, "previous": nil, "results": results}
	link := func(number int) string {
		return "https://" + Host + r.URL.Path + "?" +
			url.Values{"page": {strconv.Itoa(number)}, "page_size": {strconv.Itoa(size)}}.Encode()
	}
	if to < count {
		answer["next"] = link(number + 1)
	}
	if number > 1 {
		answer["previous"] = link(number - 1)
	}
	send(w, http.StatusOK, answer)
}

// positive parses a positive number and falls back for anything else.
func positive(s string, fallback int) int {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return n
	}
	return fallback
}

func (s *Server) getTag(w http.ResponseWriter, r *http.Request, name string) {
	for _, t := range s.store.Tags(name) {
		if t.Name == r.PathValue("tag") {
			send(w, http.StatusOK, renderTag(name, t))
			return
		}
	}
	fail(w, http.StatusNotFound, "tag '"+r.PathValue("tag")+"' not found")
}

func (s *Server) deleteTag(w http.ResponseWriter, r *http.Request, name string) {
	if !s.deletion.allows(w, s.now()) {
		return
	}
	if !s.store.DeleteTag(name, r.PathValue("tag")) {
		notFound(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// renderTag returns the tag object.
func renderTag(repo string, t registry.Tag) object {
	pushed := timestamp(t.Pushed)
	images := []object{}
	for _, image := range t.Images {
		o := object{
			"architecture": "unknown", "os": "unknown", "variant": nil, "features": "", "os_features": "", "os_version": nil,
			"digest": image.Digest.String(), "size": image.Size, "status": "active", "last_pulled": nil, "last_pushed": pushed,
		}
		if p := image.Platform; p != nil {
			o["architecture"], o["os"] = p.Architecture, p.OS
			if p.Variant != "" {
				o["variant"] = p.Variant
			}
		}
		images = append(images, o)
	}
	namespace, _, _ := strings.Cut(repo, "/")
	return object{
		"id": number(repo + ":" + t.Name), "repository": number(repo), "name": t.Name, "images": images,
		"creator": number(namespace), "last_updater": number(namespace), "last_updater_username": namespace,
		"last_updated": pushed, "tag_last_pushed": pushed, "tag_last_pulled": nil, "status": "active", "tag_status": "active",
		"full_size": t.Size, "v2": true, "media_type": string(t.MediaType), "content_type": "image", "digest": t.Digest.String(),
	}
}

// number makes an id that stays the same for a name.
func number(name string) int64 { return int64(crc32.ChecksumIEEE([]byte(name))) }
