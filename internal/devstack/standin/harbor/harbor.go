// Package harbor is a stand-in of the part of Harbor's API that is about a
// repository and its description.
//
// https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
package harbor

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/org/release-actions/internal/secret"
)

// Account is a user or a robot.
type Account struct {
	Name     string
	Password secret.String
	// Projects are those it may read.
	Projects []string
	// Update is whether it may change their repositories, too.
	Update bool
}

// Server is the state and the handler of a Harbor 2.
type Server struct {
	accounts []Account

	mu    sync.Mutex
	repos map[string]string // name → description
}

// New returns a Harbor with repositories, as project/name. Its projects are
// private.
func New(accounts []Account, repositories ...string) *Server {
	s := &Server{accounts: accounts, repos: map[string]string{}}
	for _, name := range repositories {
		s.repos[name] = ""
	}
	return s
}

// Description returns what a repository's page shows.
func (s *Server) Description(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repos[name]
}

const route = " /api/v2.0/projects/{project}/repositories/{repository}"

// API serves /api/v2.0.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET"+route, s.serve(false, func(w http.ResponseWriter, _ *http.Request, name string) {
		project, _, _ := strings.Cut(name, "/")
		answer := map[string]any{"id": 1, "project_id": 1, "name": name, "project_name": project, "artifact_count": 1}
		if text := s.repos[name]; text != "" {
			answer["description"] = text
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // a client that is gone is no concern of the server
	}))
	mux.HandleFunc("PUT"+route, s.serve(true, func(w http.ResponseWriter, r *http.Request, name string) {
		var in struct{ Description string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			fail(w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "parsing repository body failed")
			return
		}
		s.repos[name] = in.Description
		w.WriteHeader(http.StatusOK)
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "NOT_FOUND", "not found") })
	return mux
}

// serve calls h, under the lock, for a request on a repository that exists by
// one who may send it.
func (s *Server) serve(update bool, h func(w http.ResponseWriter, r *http.Request, name string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// The router has unescaped it once.
		short, err := url.PathUnescape(r.PathValue("repository"))
		if err != nil {
			fail(w, http.StatusBadRequest, "BAD_REQUEST", "invalid repository name")
			return
		}
		project := r.PathValue("project")
		name := project + "/" + short
		user, password, _ := r.BasicAuth()
		i := slices.IndexFunc(s.accounts, func(a Account) bool { return a.Name == user && a.Password.Reveal() == password })
		s.mu.Lock()
		defer s.mu.Unlock()
		_, known := s.repos[name]
		switch {
		case i < 0:
			fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized")
		case !slices.Contains(s.accounts[i].Projects, project) || (update && !s.accounts[i].Update):
			fail(w, http.StatusForbidden, "FORBIDDEN", "forbidden")
		case !known:
			fail(w, http.StatusNotFound, "NOT_FOUND", "repository "+name+" not found")
		default:
			h(w, r, name)
		}
	}
}

func fail(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": text}}})
}
