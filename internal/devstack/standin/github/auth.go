package github

import (
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
)

// caller is who makes a request.
type caller struct {
	known, write bool
	scopes       []string // of a classic token; nil where it is none
	without      []string // permissions
}

// may reports whether the token has a permission, as "contents", to write.
func (c caller) may(permission string) bool {
	return c.write && !slices.Contains(c.without, permission)
}

// caller finds the request's token; ok is false for one that is wrong.
func (s *Server) caller(r *http.Request) (c caller, ok bool) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme == "" {
		return caller{}, true
	}
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
		return caller{}, false
	}
	for _, t := range s.tokens {
		want := t.Value.Reveal()
		if want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(value)) == 1 {
			return caller{known: true, write: t.Write, scopes: t.Scopes, without: t.Without}, true
		}
	}
	return caller{}, false
}

// front is what all requests pass: client name, credentials, rate limit.
func (s *Server) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-GitHub-Request-Id", strings.ToUpper(randomHex()))
		w.Header().Set("X-GitHub-Media-Type", "github.v3; format=json")
		if r.UserAgent() == "" {
			fail(w, http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
			return
		}
		c, ok := s.caller(r)
		if !ok {
			fail(w, http.StatusUnauthorized, "Bad credentials")
			return
		}
		if c.scopes != nil {
			w.Header().Set("X-OAuth-Scopes", strings.Join(c.scopes, ", "))
		}
		// Asking for the limit does not count against it.
		if r.URL.Path != "/rate_limit" && !s.spend(w, c) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handler is a route's function for a request on the repository. The caller is
// known and the server's lock is held.
type handler func(w http.ResponseWriter, r *http.Request, c caller)

// reader wraps a route that anybody may use.
func (s *Server) reader(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.names(r) {
			notFound(w)
			return
		}
		c, _ := s.caller(r) // front has refused a wrong one
		s.mu.Lock()
		defer s.mu.Unlock()
		h(w, r, c)
	}
}

// writer wraps a route that needs "contents: write". It does not hold the
// lock, since an upload may be slow.
func (s *Server) writer(h handler) http.HandlerFunc { return s.granted("contents", h) }

// granted wraps a route that needs a permission to write. GitHub looks at that
// before it looks at what a request says.
func (s *Server) granted(permission string, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, _ := s.caller(r) // front has refused a wrong one
		switch {
		case !s.names(r):
			notFound(w)
		case !c.known:
			fail(w, http.StatusUnauthorized, "Requires authentication")
		case !c.may(permission):
			w.Header().Set("X-Accepted-GitHub-Permissions", strings.ReplaceAll(permission, "-", "_")+"=write")
			fail(w, http.StatusForbidden, "Resource not accessible by integration")
		default:
			h(w, r, c)
		}
	}
}

// locked makes a writer's function hold the lock.
func (s *Server) locked(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request, c caller) {
		s.mu.Lock()
		defer s.mu.Unlock()
		h(w, r, c)
	}
}

// names reports whether the path names the repository there is. GitHub
// ignores case in it.
func (s *Server) names(r *http.Request) bool {
	return strings.EqualFold(r.PathValue("owner"), s.repo.owner) && strings.EqualFold(r.PathValue("repo"), s.repo.name)
}
