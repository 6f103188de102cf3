// Package quay is a stand-in of the part of Quay's API that is about a
// repository and its description.
//
// https://docs.quay.io/api/swagger/
package quay

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/org/release-actions/internal/secret"
)

// Token is an OAuth access token and what it may do.
type Token struct {
	Value secret.String
	// Namespaces are those whose repositories its user owns.
	Namespaces []string
	// Write is whether it has the scope repo:write, beside repo:read.
	Write bool
}

// Server is the state and the handler of a Quay.
type Server struct {
	tokens []Token

	mu    sync.Mutex
	repos map[string]string // name → description
}

// New returns a Quay with public repositories, as namespace/name.
func New(tokens []Token, repositories ...string) *Server {
	s := &Server{tokens: tokens, repos: map[string]string{}}
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

// API serves /api/v1.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/repository/{name...}", s.get)
	mux.HandleFunc("PUT /api/v1/repository/{name...}", s.put)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "not_found", "Not Found")
	})
	return mux
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	token, ok := s.token(w, r)
	if !ok {
		return
	}
	name := r.PathValue("name")
	s.mu.Lock()
	defer s.mu.Unlock()
	text, known := s.repos[name]
	switch {
	case !known && !token.owns(name): // whether there is one is not told
		unauthorized(w, token)
	case !known:
		problem(w, http.StatusNotFound, "not_found", "Not Found")
	default:
		namespace, short, _ := strings.Cut(name, "/")
		answer := map[string]any{
			"namespace": namespace, "name": short, "kind": "image", "is_public": true, "state": "NORMAL", "description": text,
			"can_write": token.owns(name) && token.Write, "can_admin": false, "is_starred": false, "status_token": "",
		}
		if text == "" {
			answer["description"] = nil
		}
		if r.URL.Query().Get("includeTags") != "false" {
			answer["tags"] = map[string]any{}
		}
		send(w, http.StatusOK, answer)
	}
}

func (s *Server) put(w http.ResponseWriter, r *http.Request) {
	token, ok := s.token(w, r)
	if !ok {
		return
	}
	var in struct{ Description *string }
	name := r.PathValue("name")
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.repos[name]
	switch {
	case !token.owns(name) || !token.Write:
		unauthorized(w, token)
	case json.NewDecoder(r.Body).Decode(&in) != nil || in.Description == nil:
		problem(w, http.StatusBadRequest, "invalid_request", "'description' is a required property")
	case !known:
		problem(w, http.StatusNotFound, "not_found", "Not Found")
	default:
		s.repos[name] = *in.Description
		send(w, http.StatusOK, map[string]any{"success": true})
	}
}

// token returns whose a request is; nil is nobody's. It answers where the token
// is wrong.
func (s *Server) token(w http.ResponseWriter, r *http.Request) (*Token, bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, true
	}
	value, bearer := strings.CutPrefix(header, "Bearer ")
	i := slices.IndexFunc(s.tokens, func(t Token) bool { return bearer && t.Value.Reveal() == value })
	if i < 0 {
		problem(w, http.StatusUnauthorized, "invalid_token", "The access token provided was invalid.")
		return nil, false
	}
	return &s.tokens[i], true
}

func (t *Token) owns(name string) bool {
	namespace, _, _ := strings.Cut(name, "/")
	return t != nil && slices.Contains(t.Namespaces, namespace)
}

func unauthorized(w http.ResponseWriter, t *Token) {
	if t == nil {
		problem(w, http.StatusUnauthorized, "invalid_token", "Requires authentication")
		return
	}
	problem(w, http.StatusForbidden, "insufficient_scope", "Unauthorized")
}

// problem sends an error in Quay's variant of RFC 7807.
func problem(w http.ResponseWriter, status int, kind, detail string) {
	send(w, status, map[string]any{
		"status": status, "title": kind, "error_type": kind, "detail": detail, "error_message": detail,
		"type": "https://quay.io/api/v1/error/" + kind,
	})
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone is no concern of the server
}
