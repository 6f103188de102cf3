package github

import (
	"bytes"
	"net/http"
	"net/url"
)

// Web serves the downloads of github.com, without a rate limit.
func (s *Server) Web() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{owner}/{repo}/releases/download/{tag}/{name}", s.reader(
		func(w http.ResponseWriter, r *http.Request, _ caller) {
			s.download(w, s.repo.published(r.PathValue("tag")), r.PathValue("name"))
		}))
	mux.HandleFunc("GET /{owner}/{repo}/releases/latest/download/{name}", s.reader(
		func(w http.ResponseWriter, r *http.Request, _ caller) {
			s.download(w, s.repo.latestRelease(), r.PathValue("name"))
		}))
	return mux
}

func (s *Server) download(w http.ResponseWriter, rel *release, name string) {
	if rel != nil {
		if a := rel.named(name); a != nil && a.state == "uploaded" {
			a.redirect(w)
			return
		}
	}
	http.Error(w, "Not Found", http.StatusNotFound)
}

// redirect sends the client to the content.
func (a *asset) redirect(w http.ResponseWriter) {
	a.downloads++
	w.Header().Set("Location", "https://"+FilesHost+"/"+a.key+"?"+url.Values{"sig": {a.key}}.Encode())
	w.WriteHeader(http.StatusFound)
}

// Files serves the content of assets at the URLs that downloads are redirected
// to. As the storage that GitHub uses, it refuses a request that brings
// credentials along: they are not meant for it.
func (s *Server) Files() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			http.Error(w, "only one way of authorisation is allowed", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		var found asset
		for _, rel := range s.repo.releases {
			for _, a := range rel.assets {
				if "/"+a.key == r.URL.Path && a.key == r.URL.Query().Get("sig") {
					found = *a
				}
			}
		}
		s.mu.Unlock()
		if found.key == "" {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", found.contentType)
		w.Header().Set("Content-Disposition", "attachment; filename="+found.name)
		http.ServeContent(w, r, "", found.updated, bytes.NewReader(found.content))
	})
}
