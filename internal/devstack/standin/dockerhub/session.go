package dockerhub

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/registry"
)

// sessionLife is how long an access token lives.
const sessionLife = 10 * time.Minute

// session is what an access token stands for.
type session struct {
	account *registry.Account
	expires time.Time
}

// createToken serves the login of today: an identifier and a secret.
func (s *Server) createToken(w http.ResponseWriter, r *http.Request) {
	var in struct{ Identifier, Secret string }
	if !decode(w, r, &in) {
		return
	}
	if token, ok := s.open(in.Identifier, in.Secret); ok {
		send(w, http.StatusOK, object{"access_token": token})
		return
	}
	fail(w, http.StatusUnauthorized, "Incorrect authentication credentials")
}

// login serves the deprecated login, which knows no organisation tokens.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Username, Password string }
	if !decode(w, r, &in) {
		return
	}
	if account, ok := s.accounts.Find(in.Username, in.Password); ok && !account.Organization {
		token, _ := s.open(in.Username, in.Password)
		send(w, http.StatusOK, object{"token": token})
		return
	}
	send(w, http.StatusUnauthorized, object{"detail": "Incorrect authentication credentials"})
}

func (s *Server) open(user, secret string) (token string, ok bool) {
	account, ok := s.accounts.Find(user, secret)
	if !ok {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token = strings.ToLower(rand.Text())
	s.sessions[token] = session{account, s.now().Add(sessionLife)}
	return token, true
}

// account returns whose token the request has; nil is nobody's. A token that
// is wrong or too old is not ok.
func (s *Server) account(r *http.Request) (account *registry.Account, ok bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, true
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "jwt") {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.sessions[token]
	if !ok || !s.now().Before(found.expires) {
		return nil, false
	}
	return found.account, true
}

// handler serves a request on a repository that exists.
type handler func(w http.ResponseWriter, r *http.Request, name string)

// reader wraps a route that anybody may use.
func (s *Server) reader(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, ok := s.account(r)
		if !ok {
			fail(w, http.StatusUnauthorized, "unauthorized")
			return
		}
		if misplaced(w, r, account) {
			return
		}
		s.serve(w, r, h)
	}
}

// admin wraps a route that needs a token of scope repo:admin.
func (s *Server) admin(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, ok := s.account(r)
		switch {
		case !ok || account == nil:
			fail(w, http.StatusUnauthorized, "unauthorized")
		case misplaced(w, r, account):
		case !account.Owns(repoName(r)):
			fail(w, http.StatusForbidden, "permission denied")
		case account.Access < registry.Admin:
			fail(w, http.StatusForbidden, "insufficient scope")
		default:
			s.serve(w, r, h)
		}
	}
}

// misplaced refuses an organisation's token outside of the namespaces
// endpoints.
func misplaced(w http.ResponseWriter, r *http.Request, account *registry.Account) bool {
	if account == nil || !account.Organization || strings.HasPrefix(r.URL.Path, "/v2/namespaces/") {
		return false
	}
	fail(w, http.StatusForbidden, "token issued from organization access token is not allowed")
	return true
}

func repoName(r *http.Request) string {
	return r.PathValue("namespace") + "/" + r.PathValue("repository")
}

// serve calls h if the repository exists.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, h handler) {
	name := repoName(r)
	s.mu.Lock()
	_, known := s.repos[name]
	if !known && s.store.Has(name) {
		// A push has made it.
		s.repos[name] = &repository{created: s.now()}
		known = true
	}
	s.mu.Unlock()
	if !known {
		notFound(w)
		return
	}
	h(w, r, name)
}
