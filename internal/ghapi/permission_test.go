package ghapi_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
)

var permissions = []ghapi.Permission{ghapi.Contents, ghapi.SecurityEvents, ghapi.Attestations}

// TestCheckWriteTellsWhichPermissionIsMissing asks the stand-in, which decides by
// the token first and then by what the request says, as GitHub does.
func TestCheckWriteTellsWhichPermissionIsMissing(t *testing.T) {
	t.Parallel()
	for _, missing := range append(permissions, "", "all") {
		granted := github.Token{Value: secret.New(token), Write: missing != "all", Without: []string{string(missing)}}
		server, err := github.New(github.Options{Repository: "octocat/hello", Commit: strings.Repeat("a", 40), Tokens: []github.Token{granted}})
		if err != nil {
			t.Fatal(err)
		}
		writes := 0
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api/v3"); r.Method != http.MethodGet {
				writes++
			}
			server.API().ServeHTTP(w, r)
		})
		for _, p := range permissions {
			err := c.CheckWrite(t.Context(), p)
			lacks := missing == p || missing == "all"
			if (err != nil) != lacks || lacks && !errors.Is(err, ghapi.ErrForbidden) {
				t.Errorf("without %q: check of %q: %v", missing, p, err)
			}
			if want := `grant "` + string(p) + `: write"`; lacks && !strings.Contains(strings.Join(hint.Of(err), ""), want) {
				t.Errorf("without %q: hints %q, want %q", missing, hint.Of(err), want)
			}
		}
		if writes != len(permissions) {
			t.Errorf("%d requests, want one for each permission", writes)
		}
		if all, err := c.Attestations(t.Context(), "sha256:0"); err != nil || len(all) > 0 {
			t.Errorf("the check left %d attestations, %v", len(all), err)
		}
	}
}

func TestCheckWriteThatDoesNotTell(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		kind   error // nil where it tells
		mend   string
	}{
		{422, `{"message":"Invalid request.\n\n\"bundle\" wasn't supplied."}`, nil, ""},
		{400, `{"message":"Problems parsing JSON"}`, nil, ""},
		{401, `{"message":"Bad credentials"}`, ghapi.ErrUnauthorized, `"github-token" is wrong`},
		{403, `{"message":"Code Security must be enabled for this repository to use code scanning."}`, ghapi.ErrForbidden, "turn on code scanning"},
		{404, `{"message":"Not Found"}`, ghapi.ErrNotFound, "security-events: write"},
		{503, `{}`, ghapi.ErrUnavailable, "githubstatus"},
	} {
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if sent, err := io.ReadAll(r.Body); err != nil || strings.TrimSpace(string(sent)) != "{}" {
				t.Errorf("sent %q, %v: it could have an effect", sent, err)
			}
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		err := c.CheckWrite(t.Context(), ghapi.SecurityEvents)
		if test.kind == nil && err != nil || test.kind != nil && !errors.Is(err, test.kind) || !strings.Contains(strings.Join(hint.Of(err), ""), test.mend) {
			t.Errorf("%d: error %v, hints %q, want %v with %q", test.status, err, hint.Of(err), test.kind, test.mend)
		}
	}
}

func TestPublishedReleaseIsNoDraft(t *testing.T) {
	t.Parallel()
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v3/repos/octocat/hello/releases/tags/v1" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, `{"id":7,"tag_name":"v1","immutable":true}`)
	})
	if r, err := c.PublishedRelease(t.Context(), "v1"); err != nil || r.ID != 7 || !r.Immutable {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.PublishedRelease(t.Context(), "v2"); !errors.Is(err, ghapi.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
