package dockerhub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/devstack/standin/dockerhub"
	"github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/secret"
)

// world is Docker Hub's API and registry on one clock, without a network.
type world struct {
	*dockerhub.Server
	hub   *registry.Hub
	clock *atomic.Int64 // minutes
}

func newWorld() world {
	clock := new(atomic.Int64)
	now := func() time.Time { return time.Unix(1_700_000_000, 0).Add(time.Duration(clock.Load()) * time.Minute) }
	accounts := registry.Accounts{
		{User: "acme", Token: secret.New("admin"), Access: registry.Admin},
		{User: "acme", Token: secret.New("write"), Access: registry.ReadWrite},
		{User: "org", Token: secret.New("org"), Access: registry.Admin, Organization: true},
	}
	hub := registry.NewHub(registry.HubOptions{Accounts: accounts, Now: now})
	return world{dockerhub.New(dockerhub.Options{
		Accounts: accounts, Store: hub.Store(), Repositories: []string{"acme/hello", "org/app"}, Now: now,
	}), hub, clock}
}

// RoundTrip serves the registry's hosts.
func (w world) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	handler := w.hub.Registry()
	if r.URL.Host == "auth.docker.io" {
		handler = w.hub.Auth()
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	handler.ServeHTTP(answer, r)
	resp := answer.Result()
	resp.Request = r
	return resp, nil
}

func (w world) push(t *testing.T, repo string, tags ...string) {
	t.Helper()
	index, err := random.Index(100, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		ref, err := name.NewTag(repo + ":" + tag)
		if err != nil {
			t.Fatal(err)
		}
		err = remote.WriteIndex(ref, index, remote.WithTransport(w), remote.WithContext(t.Context()),
			remote.WithAuth(&authn.Basic{Username: "acme", Password: "admin"}))
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Add(1)
	}
}

// call sends a request and decodes the answer.
func (w world) call(t *testing.T, method, target, token, body string) (status int, answer map[string]any) {
	t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	w.API().ServeHTTP(rec, req)
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
	}
	return rec.Code, answer
}

func (w world) login(t *testing.T, user, secret string) string {
	t.Helper()
	status, answer := w.call(t, "POST", "/v2/auth/token", "", fmt.Sprintf(`{"identifier":%q,"secret":%q}`, user, secret))
	if status != http.StatusOK {
		t.Fatalf("login of %s: %d %v", user, status, answer)
	}
	return answer["access_token"].(string)
}

func TestLogins(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for name, tc := range map[string]struct {
		path, body string
		want       int
		field      string
	}{
		"today's":              {"/v2/auth/token", `{"identifier":"acme","secret":"admin"}`, 200, "access_token"},
		"wrong secret":         {"/v2/auth/token", `{"identifier":"acme","secret":"x"}`, 401, "detail"},
		"empty":                {"/v2/auth/token", ``, 401, "detail"},
		"malformed":            {"/v2/auth/token", `{`, 400, "detail"},
		"deprecated":           {"/v2/users/login/", `{"username":"acme","password":"admin"}`, 200, "token"},
		"deprecated, wrong":    {"/v2/users/login", `{"username":"acme","password":"x"}`, 401, "detail"},
		"organisation":         {"/v2/auth/token", `{"identifier":"org","secret":"org"}`, 200, "access_token"},
		"organisation, as old": {"/v2/users/login", `{"username":"org","password":"org"}`, 401, "detail"},
	} {
		if status, answer := w.call(t, "POST", tc.path, "", tc.body); status != tc.want || answer[tc.field] == nil {
			t.Errorf("%s: %d %v, want %d with %q", name, status, answer, tc.want, tc.field)
		}
	}
}

func TestDescriptionsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld()
	token := w.login(t, "acme", "admin")
	const path = "/v2/repositories/acme/hello/"
	if status, answer := w.call(t, "PATCH", path, token, `{"full_description":"# Hello","description":"short"}`); status != 200 {
		t.Fatalf("PATCH = %d %v", status, answer)
	}
	if status, answer := w.call(t, "PATCH", path, token, `{"description":"shorter"}`); status != 200 {
		t.Fatalf("PATCH = %d %v", status, answer)
	}
	status, answer := w.call(t, "GET", path, "", "")
	if status != 200 || answer["full_description"] != "# Hello" || answer["description"] != "shorter" {
		t.Errorf("GET = %d %v", status, answer)
	}
}

func TestDescriptionsAreCountedInBytes(t *testing.T) {
	t.Parallel()
	w := newWorld()
	token := w.login(t, "acme", "admin")
	for name, tc := range map[string]struct {
		field, text string
		want        int
	}{
		"short fits":     {"description", strings.Repeat("x", 100), 200},
		"short too long": {"description", strings.Repeat("é", 51), 400},
		"full fits":      {"full_description", strings.Repeat("x", 25_000), 200},
		"full too long":  {"full_description", strings.Repeat("é", 12_501), 400},
	} {
		status, answer := w.call(t, "PATCH", "/v2/repositories/acme/hello", token, fmt.Sprintf(`{%q:%q}`, tc.field, tc.text))
		if status != tc.want || answer[tc.field] == nil {
			t.Errorf("%s: %d %v, want %d", name, status, answer, tc.want)
		}
	}
}

func TestUpdatesNeedTheRightToken(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for name, tc := range map[string]struct {
		token, path string
		want        int
	}{
		"nobody's":                    {"", "/v2/repositories/acme/hello", 401},
		"wrong":                       {"x", "/v2/repositories/acme/hello", 401},
		"scope too small":             {w.login(t, "acme", "write"), "/v2/repositories/acme/hello", 403},
		"another's":                   {w.login(t, "acme", "admin"), "/v2/repositories/org/app", 403},
		"none such":                   {w.login(t, "acme", "admin"), "/v2/repositories/acme/none", 404},
		"right":                       {w.login(t, "acme", "admin"), "/v2/repositories/acme/hello", 200},
		"organisation":                {w.login(t, "org", "org"), "/v2/namespaces/org/repositories/app", 200},
		"organisation, user's path":   {w.login(t, "org", "org"), "/v2/repositories/org/app", 403},
		"right, organisation's paths": {w.login(t, "acme", "admin"), "/v2/namespaces/acme/repositories/hello", 200},
	} {
		if status, answer := w.call(t, "PATCH", tc.path, tc.token, `{"description":"x"}`); status != tc.want {
			t.Errorf("%s: %d %v, want %d", name, status, answer, tc.want)
		}
	}
}

func TestSessionsExpire(t *testing.T) {
	t.Parallel()
	w := newWorld()
	token := w.login(t, "acme", "admin")
	w.clock.Add(10)
	if status, _ := w.call(t, "GET", "/v2/repositories/acme/hello", token, ""); status != 401 {
		t.Errorf("status %d, want 401", status)
	}
}

func TestPushMakesRepositoryAndTags(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.push(t, "docker.io/acme/pushed", "1.0", "latest")
	if status, answer := w.call(t, "GET", "/v2/repositories/acme/pushed", "", ""); status != 200 || answer["name"] != "pushed" {
		t.Errorf("repository: %d %v", status, answer)
	}
	status, answer := w.call(t, "GET", "/v2/namespaces/acme/repositories/pushed/tags/latest", "", "")
	if status != 200 || answer["name"] != "latest" || len(answer["images"].([]any)) != 2 || answer["full_size"].(float64) <= 0 {
		t.Errorf("tag: %d %v", status, answer)
	}
}

func TestTagsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.push(t, "docker.io/acme/hello", "a", "c", "b")
	var names []string
	target := "/v2/repositories/acme/hello/tags?page_size=2"
	for target != "" {
		status, answer := w.call(t, "GET", target, "", "")
		if status != 200 || answer["count"] != 3.0 {
			t.Fatalf("GET %s = %d %v", target, status, answer)
		}
		for _, tag := range answer["results"].([]any) {
			names = append(names, tag.(map[string]any)["name"].(string))
		}
		target = ""
		if next, ok := answer["next"].(string); ok {
			u, err := url.Parse(next)
			if err != nil {
				t.Fatal(err)
			}
			target = u.RequestURI()
		}
	}
	if got := strings.Join(names, " "); got != "b c a" {
		t.Errorf("tags %q, want %q", got, "b c a")
	}
	if status, _ := w.call(t, "GET", "/v2/repositories/acme/hello/tags?page=9", "", ""); status != 404 {
		t.Errorf("page 9: %d, want 404", status)
	}
}

func TestDeletedTagIsGoneFromTheRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.push(t, "docker.io/acme/hello", "1", "2")
	token := w.login(t, "acme", "admin")
	const path = "/v2/repositories/acme/hello/tags/1/"
	if status, answer := w.call(t, "DELETE", path, w.login(t, "acme", "write"), ""); status != 403 {
		t.Errorf("without the scope: %d %v", status, answer)
	}
	if status, answer := w.call(t, "DELETE", path, token, ""); status != 204 {
		t.Errorf("DELETE = %d %v", status, answer)
	}
	if status, answer := w.call(t, "DELETE", path, token, ""); status != 404 {
		t.Errorf("again = %d %v", status, answer)
	}
	repo, err := name.NewRepository("docker.io/acme/hello")
	if err != nil {
		t.Fatal(err)
	}
	tags, err := remote.List(repo, remote.WithTransport(w), remote.WithContext(t.Context()))
	if err != nil || strings.Join(tags, " ") != "2" {
		t.Errorf("tags %v, %v, want only 2", tags, err)
	}
}

func TestRepositoriesAreCreatedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	const body = `{"namespace":"acme","name":"new","description":"d"}`
	token := w.login(t, "acme", "admin")
	for _, want := range []int{201, 400} {
		if status, answer := w.call(t, "POST", "/v2/repositories/", token, body); status != want {
			t.Errorf("POST = %d %v, want %d", status, answer, want)
		}
	}
	if status, _ := w.call(t, "POST", "/v2/repositories/", w.login(t, "acme", "write"), body); status != 403 {
		t.Errorf("without the scope: %d, want 403", status)
	}
	if status, _ := w.call(t, "POST", "/v2/repositories/", "", body); status != 401 {
		t.Errorf("anonymous: %d, want 401", status)
	}
}
