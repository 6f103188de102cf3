package registry

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	service = "registry.docker.io"
	realm   = "https://auth.docker.io/token"
	// tokenLife is how long Docker Hub's tokens live.
	tokenLife = 5 * time.Minute
)

// bearer is what a token allows.
type bearer struct {
	grants  map[string][]string // actions by repository
	expires time.Time
}

func (b *bearer) allows(repo string, actions ...string) bool {
	for _, action := range actions {
		if b == nil || !slices.Contains(b.grants[repo], action) {
			return false
		}
	}
	return true
}

func randomID() string { return strings.ToLower(rand.Text()) }

// Auth is the token server, auth.docker.io. GET takes basic authentication,
// or none for public repositories; POST is the OAuth2 form with a password
// or a refresh token.
// https://distribution.github.io/distribution/spec/auth/token/
// https://distribution.github.io/distribution/spec/auth/oauth/
func (h *Hub) Auth() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /token", h.getToken)
	mux.HandleFunc("POST /token", h.postToken)
	return mux
}

func (h *Hub) getToken(w http.ResponseWriter, r *http.Request) {
	var account *Account
	if user, password, ok := r.BasicAuth(); ok {
		if account, ok = h.accounts.Find(user, password); !ok {
			unauthorized(w)
			return
		}
	}
	// A client may send several scope parameters, or one with spaces.
	token, _ := h.issue(account, strings.Fields(strings.Join(r.URL.Query()["scope"], " ")))
	h.sendToken(w, map[string]any{"token": token, "access_token": token})
}

func (h *Hub) postToken(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, `{"details":"malformed form"}`, http.StatusBadRequest)
		return
	}
	var account *Account
	var ok bool
	switch r.PostForm.Get("grant_type") {
	case "password":
		account, ok = h.accounts.Find(r.PostForm.Get("username"), r.PostForm.Get("password"))
	case "refresh_token":
		account, ok = h.refreshed(r.PostForm.Get("refresh_token"))
	default:
		http.Error(w, `{"details":"unsupported grant_type"}`, http.StatusBadRequest)
		return
	}
	if !ok {
		unauthorized(w)
		return
	}
	token, scope := h.issue(account, strings.Fields(r.PostForm.Get("scope")))
	answer := map[string]any{"access_token": token, "scope": scope}
	if r.PostForm.Get("access_type") == "offline" {
		answer["refresh_token"] = h.remember(account)
	}
	h.sendToken(w, answer)
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(`{"details":"incorrect username or password"}`))
}

func (h *Hub) sendToken(w http.ResponseWriter, answer map[string]any) {
	answer["expires_in"] = int(h.tokenLife / time.Second)
	answer["issued_at"] = h.now().UTC().Format(time.RFC3339Nano)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone is no concern of the server
}

// issue makes a token for as much of the scopes as the account, or nobody in
// particular, may have. As on Docker Hub, asking for too much is no error
// here; the registry refuses the request that needs it.
func (h *Hub) issue(account *Account, scopes []string) (token, granted string) {
	b := &bearer{grants: map[string][]string{}, expires: h.now().Add(h.tokenLife)}
	var given []string
	for _, scope := range scopes {
		kind, rest, _ := strings.Cut(scope, ":")
		repo, actions, ok := strings.Cut(rest, ":")
		if kind != "repository" || !ok {
			continue
		}
		var allowed []string
		for action := range strings.SplitSeq(actions, ",") {
			if h.permits(account, repo, action) {
				allowed = append(allowed, action)
			}
		}
		if len(allowed) > 0 {
			b.grants[repo] = append(b.grants[repo], allowed...)
			given = append(given, "repository:"+repo+":"+strings.Join(allowed, ","))
		}
	}
	token = randomID()
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.tokens, func(_ string, b *bearer) bool { return h.now().After(b.expires) })
	h.tokens[token] = b
	return token, strings.Join(given, " ")
}

// permits is the policy. All repositories are public; one that does not exist
// looks to strangers as a private one does.
func (h *Hub) permits(account *Account, repo, action string) bool {
	switch action {
	case "pull":
		return h.store.Has(repo) || account.Owns(repo)
	case "push":
		return account.Owns(repo) && account.Access >= ReadWrite
	case "delete":
		return account.Owns(repo) && account.Access >= Admin
	}
	return false
}

// remember returns a refresh token for the account.
func (h *Hub) remember(account *Account) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	token := randomID()
	h.refresh[token] = account
	return token
}

func (h *Hub) refreshed(token string) (*Account, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	account, ok := h.refresh[token]
	return account, ok
}

// bearer returns what the request's token allows; ok is false if it has none,
// or one that is unknown or expired.
func (h *Hub) bearer(r *http.Request) (b *bearer, ok bool) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok = h.tokens[token]
	return b, ok && h.now().Before(b.expires)
}
