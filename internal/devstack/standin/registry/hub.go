package registry

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// HubOptions configure a Hub.
type HubOptions struct {
	Accounts Accounts
	// TokenLife is how long a bearer token lives; 0 is five minutes, as on
	// Docker Hub.
	TokenLife time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Hub is docker.io: a registry and its token server.
type Hub struct {
	accounts  Accounts
	store     *Store
	tokenLife time.Duration
	now       func() time.Time

	mu      sync.Mutex
	tokens  map[string]*bearer
	refresh map[string]*Account
	uploads map[string]*upload
}

// NewHub returns an empty docker.io.
func NewHub(o HubOptions) *Hub {
	if o.TokenLife == 0 {
		o.TokenLife = tokenLife
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Hub{
		accounts: o.Accounts, store: NewStore(), tokenLife: o.TokenLife, now: o.Now,
		tokens: map[string]*bearer{}, refresh: map[string]*Account{}, uploads: map[string]*upload{},
	}
}

// Store returns what was pushed, for Docker Hub's own API.
func (h *Hub) Store() *Store { return h.store }

// target is what a path of the registry API names.
type target struct{ repo, kind, reference string }

var (
	pathPattern = regexp.MustCompile(`^/v2/(.+?)/(manifests|blobs|referrers|tags|blobs/uploads)/([^/]*)$`)
	namePattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
)

func parsePath(path string) (target, *apiError) {
	m := pathPattern.FindStringSubmatch(path)
	if m == nil {
		return target{}, errorf(http.StatusNotFound, "UNSUPPORTED", "path %q is not one of the registry API", path)
	}
	if !namePattern.MatchString(m[1]) || len(m[1]) > 255 {
		return target{}, errorf(http.StatusBadRequest, "NAME_INVALID", "invalid repository name %q", m[1])
	}
	return target{m[1], m[2], m[3]}, nil
}

// deletes reports whether a request deletes a manifest. By a tag, Docker Hub
// doesn't do that.
func (t target) deletes(method string) bool {
	return method == http.MethodDelete && t.kind == "manifests" && strings.Contains(t.reference, ":")
}

// Registry serves the registry API of index.docker.io and registry-1.docker.io.
func (h *Hub) Registry() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
		if err := h.serve(w, r); err != nil {
			err.write(w)
		}
	})
}

func (h *Hub) serve(w http.ResponseWriter, r *http.Request) *apiError {
	token, ok := h.bearer(r)
	if r.URL.Path == "/v2/" || r.URL.Path == "/v2" {
		if !ok {
			return challenge(w, "", "")
		}
		return sendJSON(w, r, "application/json", struct{}{})
	}
	t, err := parsePath(r.URL.Path)
	if err != nil {
		return err
	}
	actions := []string{"pull"}
	if t.deletes(r.Method) {
		actions = append(actions, "delete")
	} else if r.Method != http.MethodGet && r.Method != http.MethodHead || t.kind == "blobs/uploads" {
		actions = append(actions, "push")
	}
	if !ok || !token.allows(t.repo, actions...) {
		var reason string
		if ok {
			reason = "insufficient_scope"
		}
		return challenge(w, "repository:"+t.repo+":"+strings.Join(actions, ","), reason)
	}
	return h.route(w, r, t, token)
}

func (h *Hub) route(w http.ResponseWriter, r *http.Request, t target, token *bearer) *apiError {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case t.kind == "manifests" && read:
		return h.getManifest(w, r, t.repo, t.reference)
	case t.kind == "manifests" && r.Method == http.MethodPut:
		return h.putManifest(w, r, t.repo, t.reference)
	case t.deletes(r.Method):
		if err := h.store.deleteManifest(t.repo, t.reference); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	case t.kind == "blobs" && read:
		return h.getBlob(w, r, t.repo, t.reference)
	case t.kind == "blobs/uploads" && t.reference == "" && r.Method == http.MethodPost:
		return h.startUpload(w, r, t.repo, token)
	case t.kind == "blobs/uploads" && t.reference != "":
		return h.continueUpload(w, r, t.repo, t.reference)
	case t.kind == "tags" && t.reference == "list" && read:
		return h.getTags(w, r, t.repo)
	case t.kind == "referrers" && read:
		return h.getReferrers(w, r, t.repo, t.reference)
	}
	// Deletions of tags among them: Docker Hub has them in its own API only.
	return errUnsupported()
}

// challenge says where to get a token, and for what.
// https://distribution.github.io/distribution/spec/auth/token/#how-to-authenticate
func challenge(w http.ResponseWriter, scope, reason string) *apiError {
	value := fmt.Sprintf("Bearer realm=%q,service=%q", realm, service)
	if scope != "" {
		value += fmt.Sprintf(",scope=%q", scope)
	}
	if reason != "" {
		value += fmt.Sprintf(",error=%q", reason)
	}
	w.Header().Set("WWW-Authenticate", value)
	return errorf(http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
}
