package issuer_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/org/release-actions/internal/devstack/standin/issuer"
	"github.com/org/release-actions/internal/secret"
)

const requestToken = "request-token"

func newIssuer(t *testing.T, claims map[string]string) *issuer.Issuer {
	t.Helper()
	i, err := issuer.New(issuer.Options{Claims: claims, RequestToken: secret.New(requestToken)})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// request asks the token endpoint as a runner's client does.
func request(t *testing.T, i *issuer.Issuer, authorization, query string) (status int, value string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, issuer.TokenPath+query, nil)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	i.Tokens().ServeHTTP(w, req)
	var answer struct{ Value, Message string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return w.Code, answer.Value + answer.Message
}

// discovery answers requests to the issuer's name.
type discovery struct{ http.Handler }

func (d discovery) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" || r.URL.Host != issuer.Host {
		return nil, errors.New("a request to " + r.URL.String())
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// claims verifies a token as Fulcio does and returns its claims.
func claims(t *testing.T, i *issuer.Issuer, token string) map[string]any {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), &http.Client{Transport: discovery{i.Discovery()}})
	provider, err := oidc.NewProvider(ctx, issuer.URL)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: "sigstore"}).Verify(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	if life := verified.Expiry.Sub(verified.IssuedAt); life != 5*time.Minute {
		t.Errorf("the token lives %s, want 5m", life)
	}
	found := map[string]any{}
	if err := verified.Claims(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTokenVerifiesAndHasAllClaims(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, nil)
	status, token := request(t, i, "Bearer "+requestToken, "&audience=sigstore")
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	got := claims(t, i, token)
	for _, name := range strings.Fields(`sub repository repository_id repository_owner repository_owner_id
		repository_visibility ref ref_type sha workflow workflow_ref workflow_sha job_workflow_ref job_workflow_sha
		event_name runner_environment run_id run_number run_attempt actor actor_id aud iss iat nbf exp`) {
		if got[name] == nil || got[name] == "" {
			t.Errorf("claim %q is missing", name)
		}
	}
	if sub, want := got["sub"], "repo:acme/hello:ref:refs/tags/v1.2.3"; sub != want {
		t.Errorf("sub %q, want %q", sub, want)
	}
	if ref, want := got["job_workflow_ref"], "acme/hello/.github/workflows/release.yml@refs/tags/v1.2.3"; ref != want {
		t.Errorf("job_workflow_ref %q, want %q", ref, want)
	}
}

func TestClaimsFollowTheOnesThatAreReplaced(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		defaults map[string]string
		query    string
		want     map[string]string
	}{
		"another tag": {nil, "&ref=refs/tags/v2.0.0&sha=f00", map[string]string{
			"ref_type": "tag", "sub": "repo:acme/hello:ref:refs/tags/v2.0.0", "workflow_sha": "f00", "job_workflow_sha": "f00",
			"workflow_ref": "acme/hello/.github/workflows/release.yml@refs/tags/v2.0.0",
		}},
		"a branch": {nil, "&ref=refs/heads/main", map[string]string{"ref_type": "branch"}},
		"a reusable workflow": {nil, "&job_workflow_ref=acme/shared/.github/workflows/r.yml@refs/heads/main", map[string]string{
			"job_workflow_ref": "acme/shared/.github/workflows/r.yml@refs/heads/main",
			"workflow_ref":     "acme/hello/.github/workflows/release.yml@refs/tags/v1.2.3",
		}},
		"an environment":  {nil, "&environment=prod", map[string]string{"sub": "repo:acme/hello:environment:prod"}},
		"a pull request":  {nil, "&event_name=pull_request", map[string]string{"sub": "repo:acme/hello:pull_request"}},
		"defaults":        {map[string]string{"repository": "Org/App"}, "", map[string]string{"repository_owner": "Org", "sub": "repo:Org/App:ref:refs/tags/v1.2.3"}},
		"query over them": {map[string]string{"actor": "a"}, "&actor=b", map[string]string{"actor": "b"}},
		"sub itself":      {nil, "&sub=custom", map[string]string{"sub": "custom"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t, tc.defaults)
			status, token := request(t, i, "Bearer "+requestToken, tc.query+"&audience=sigstore")
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, token)
			}
			got := claims(t, i, token)
			for claim := range tc.want {
				if got[claim] != tc.want[claim] {
					t.Errorf("%s = %q, want %q", claim, got[claim], tc.want[claim])
				}
			}
		})
	}
}

func TestTokenEndpointRefuses(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, nil)
	for name, tc := range map[string]struct {
		authorization, query string
		status               int
		message              string
	}{
		"no token":      {"", "", http.StatusUnauthorized, "request token"},
		"wrong token":   {"Bearer x", "", http.StatusUnauthorized, "request token"},
		"empty token":   {"Bearer ", "", http.StatusUnauthorized, "request token"},
		"unknown claim": {"Bearer " + requestToken, "&reff=x", http.StatusBadRequest, `"reff"`},
	} {
		status, message := request(t, i, tc.authorization, tc.query)
		if status != tc.status || !strings.Contains(message, tc.message) {
			t.Errorf("%s: %d %q, want %d with %q", name, status, message, tc.status, tc.message)
		}
	}
}

func TestNoAudienceMeansTheOwner(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, nil)
	_, token := request(t, i, "Bearer "+requestToken, "")
	ctx := oidc.ClientContext(t.Context(), &http.Client{Transport: discovery{i.Discovery()}})
	provider, err := oidc.NewProvider(ctx, issuer.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "https://github.com/acme"}).Verify(ctx, token); err != nil {
		t.Error(err)
	}
}

func TestUnknownDefaultClaimIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := issuer.New(issuer.Options{Claims: map[string]string{"iss": "x"}}); err == nil {
		t.Error("no error")
	}
}
