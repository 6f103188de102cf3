package standin

import (
	"net/http"
	"strings"

	"github.com/org/release-actions/internal/devstack/standin/github"
)

// OwnRepository is the repository of this project: workflows use its actions,
// and its releases have the programs.
const OwnRepository = "org/release-actions"

// repositories are those of one GitHub. Each has a server of its own.
type repositories []*github.Server

// route serves a host of all repositories: the server of the one that a request's
// path names, or the signature of its address, and else the first.
func (all repositories) route(handler func(*github.Server) http.Handler) http.Handler {
	handlers := map[string]http.Handler{}
	for _, server := range all {
		handlers[server.Repository()] = handler(server)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names := "/" + r.URL.Path + "/" + r.URL.Query().Get("sig") + "/"
		for name, serve := range handlers {
			if strings.Contains(names, "/"+name+"/") {
				serve.ServeHTTP(w, r)
				return
			}
		}
		handlers[all[0].Repository()].ServeHTTP(w, r)
	})
}
