// Package dockerhub is a stand-in of Docker Hub's own API, hub.docker.com:
// logins, repositories with their descriptions, tags. It shares accounts and
// tags with the docker.io registry, so what is pushed there is seen here.
//
// The update of a repository is not in the published description; its shape
// is that which Docker Hub's web pages and the common actions use.
// https://docs.docker.com/reference/api/hub/latest/
package dockerhub

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/registry"
)

// Host is the name of the API.
const Host = "hub.docker.com"

// Options configure a Server.
type Options struct {
	Accounts registry.Accounts
	// Store is what was pushed to docker.io.
	Store *registry.Store
	// Repositories are there from the start, as namespace/name. Others are
	// made by a push or by a request.
	Repositories []string
	// RateLimit is how many requests a minute are served; 0 is all.
	RateLimit int
	// DeletionLimit is how many tags a minute are deleted; 0 is all.
	DeletionLimit int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Server is the state and the handler of hub.docker.com.
type Server struct {
	accounts registry.Accounts
	store    *registry.Store
	now      func() time.Time
	limit    *rateLimit
	deletion *rateLimit

	mu       sync.Mutex
	sessions map[string]session
	repos    map[string]*repository
}

// New returns a Docker Hub with the repositories that o names.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		accounts: o.Accounts, store: o.Store, now: o.Now,
		limit: &rateLimit{perMinute: o.RateLimit}, deletion: &rateLimit{perMinute: o.DeletionLimit},
		sessions: map[string]session{}, repos: map[string]*repository{},
	}
	for _, name := range o.Repositories {
		s.repos[name] = &repository{created: o.Now()}
	}
	return s
}

// API serves hub.docker.com. A slash at the end of a path does not matter.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound(w) })
	mux.HandleFunc("POST /v2/auth/token", s.createToken)
	mux.HandleFunc("POST /v2/users/login", s.login)
	mux.HandleFunc("POST /v2/repositories", s.createRepository)
	mux.HandleFunc("GET /v2/categories", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, categories) })
	mux.HandleFunc("GET /v2/namespaces/{namespace}/repositories", s.listRepositories)
	for _, base := range []string{userBase, organizationBase} {
		mux.HandleFunc("GET "+base, s.reader(s.getRepository))
		mux.HandleFunc("PATCH "+base, s.admin(s.updateRepository))
		mux.HandleFunc("PATCH "+base+"/categories", s.admin(s.updateCategories))
		mux.HandleFunc("GET "+base+"/tags", s.reader(s.listTags))
		mux.HandleFunc("GET "+base+"/manifests", s.admin(s.listManifests))
		mux.HandleFunc("GET "+base+"/tags/{tag}", s.reader(s.getTag))
		mux.HandleFunc("DELETE "+base+"/tags/{tag}", s.admin(s.deleteTag))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) > 1 {
			r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
		}
		if s.limit.allows(w, s.now()) {
			mux.ServeHTTP(w, r)
		}
	})
}

const (
	userBase         = "/v2/repositories/{namespace}/{repository}"
	organizationBase = "/v2/namespaces/{namespace}/repositories/{repository}"
)

// object is a JSON object of an answer.
type object = map[string]any

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone is no concern of the server
}

func fail(w http.ResponseWriter, status int, message string) {
	send(w, status, object{"message": message, "detail": message, "errinfo": object{}})
}

func notFound(w http.ResponseWriter) { fail(w, http.StatusNotFound, "object not found") }

// decode reads a JSON body; it answers and returns false if that fails.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil && !errors.Is(err, io.EOF) {
		fail(w, http.StatusBadRequest, "malformed JSON: "+err.Error())
		return false
	}
	return true
}

// timestamp is a time as Docker Hub writes it.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
