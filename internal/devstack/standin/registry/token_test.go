package registry_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

func TestChallengeNamesRealmAndScope(t *testing.T) {
	t.Parallel()
	h := newHub()
	for _, tc := range []struct{ method, path, token, want string }{
		{"GET", "/v2/", "", `Bearer realm="https://auth.docker.io/token",service="registry.docker.io"`},
		{"GET", "/v2/acme/hello/manifests/1", "",
			`Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:acme/hello:pull"`},
		{"POST", "/v2/acme/hello/blobs/uploads/", h.token(t, ""),
			`Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:acme/hello:pull,push",error="insufficient_scope"`},
	} {
		header := map[string]string{}
		if tc.token != "" {
			header["Authorization"] = "Bearer " + tc.token
		}
		resp := request{method: tc.method, target: tc.path, header: header}.to(h.Registry())
		resp.Body.Close()
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != http.StatusUnauthorized || got != tc.want {
			t.Errorf("%s %s = %d %s\nwant %s", tc.method, tc.path, resp.StatusCode, got, tc.want)
		}
	}
}

func TestTokensAllowWhatTheAccountMay(t *testing.T) {
	t.Parallel()
	h := newHub()
	h.client(t, admin, "repository:acme/there:pull,push").pushImage("acme/there", "1", "layer")
	for name, tc := range map[string]struct {
		password, scope, method, repo string
		want                          int
	}{
		"anonymous pull":               {"", "repository:acme/there:pull", "GET", "acme/there", 200},
		"anonymous push":               {"", "repository:acme/there:pull,push", "POST", "acme/there", 401},
		"anonymous pull of nothing":    {"", "repository:acme/none:pull", "GET", "acme/none", 401},
		"own pull of nothing":          {admin, "repository:acme/none:pull", "GET", "acme/none", 404},
		"push":                         {admin, "repository:acme/there:pull,push", "POST", "acme/there", 202},
		"push without asking for it":   {admin, "repository:acme/there:pull", "POST", "acme/there", 401},
		"push with a read-only token":  {read, "repository:acme/there:pull,push", "POST", "acme/there", 401},
		"pull with a read-only token":  {read, "repository:acme/there:pull,push", "GET", "acme/there", 200},
		"token for another repository": {admin, "repository:acme/other:pull,push", "GET", "acme/there", 401},
		"several scopes in one":        {admin, "repository:acme/x:pull repository:acme/there:pull", "GET", "acme/there", 200},
		"scope of another kind":        {admin, "registry:catalog:* repository:acme/there:pull", "GET", "acme/there", 200},
		"another's namespace":          {admin, "repository:library/x:pull,push", "POST", "library/x", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "/v2/" + tc.repo + "/manifests/1"
			if tc.method == http.MethodPost {
				path = "/v2/" + tc.repo + "/blobs/uploads/"
			}
			h.client(t, tc.password, tc.scope).do(tc.want, request{method: tc.method, target: path})
		})
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	h := newHub()
	c := h.client(t, admin, "repository:acme/hello:pull")
	c.do(http.StatusOK, request{method: http.MethodGet, target: "/v2/"})
	h.clock.Add(int64(5 * time.Minute / time.Second))
	c.do(http.StatusUnauthorized, request{method: http.MethodGet, target: "/v2/"})
}

func TestWrongPasswordGetsNoToken(t *testing.T) {
	t.Parallel()
	h := newHub()
	for name, r := range map[string]request{
		"basic": {method: "GET", target: "/token", header: map[string]string{"Authorization": "Basic YWNtZWJvdDp4"}},
		"form":  form(url.Values{"grant_type": {"password"}, "username": {user}, "password": {"x"}}),
		"blank": form(url.Values{"grant_type": {"password"}, "username": {user}, "password": {""}}),
		"stale": form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}),
	} {
		resp := r.to(h.Auth())
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", name, resp.StatusCode)
		}
	}
}

func form(values url.Values) request {
	return request{
		method: http.MethodPost, target: "/token", body: values.Encode(),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	}
}

func TestOAuthGivesAccessAndRefreshTokens(t *testing.T) {
	t.Parallel()
	h := newHub()
	var answer struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		Scope        string
		ExpiresIn    int `json:"expires_in"`
	}
	const scope = "repository:acme/hello:pull,push"
	decode(t, form(url.Values{
		"grant_type": {"password"}, "username": {user}, "password": {admin}, "scope": {scope + " repository:library/x:push"},
		"access_type": {"offline"}, "service": {"registry.docker.io"}, "client_id": {"test"},
	}).to(h.Auth()), http.StatusOK, &answer)
	if answer.Scope != scope || answer.ExpiresIn != 300 || answer.RefreshToken == "" {
		t.Fatalf("answer %+v", answer)
	}
	client{t, h.Registry(), answer.AccessToken}.pushImage("acme/hello", "1", "layer")

	decode(t, form(url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {answer.RefreshToken}, "scope": {scope},
	}).to(h.Auth()), http.StatusOK, &answer)
	client{t, h.Registry(), answer.AccessToken}.pushImage("acme/hello", "2", "layer")

	resp := form(url.Values{"grant_type": {"magic"}}).to(h.Auth())
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("unknown grant type: status %d, want 400", resp.StatusCode)
	}
}
