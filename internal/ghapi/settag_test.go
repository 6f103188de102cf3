package ghapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/secret"
)

func TestSetTagMovesWhatIsElsewhere(t *testing.T) {
	t.Parallel()
	first, second := strings.Repeat("a", 40), strings.Repeat("b", 40)
	gh, err := github.New(github.Options{Repository: "octocat/hello", Commit: first, Tokens: []github.Token{{Value: secret.New(token), Write: true}, {Value: secret.New("ghs_reader")}}})
	if err != nil {
		t.Fatal(err)
	}
	writes, api := 0, gh.API()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			writes++
		}
		r.Header.Set("User-Agent", "release-actions/test")
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	as := func(token string) *ghapi.Client {
		c, err := ghapi.New(ghapi.Options{APIURL: server.URL, Repository: ghapi.Repository{Owner: "octocat", Name: "hello"}, Token: secret.New(token)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for i, test := range []struct {
		commit string
		writes int
	}{{first, 1}, {first, 1}, {second, 2}, {second, 2}, {first, 3}} {
		if err := as(token).SetTag(t.Context(), "v1", test.commit); err != nil {
			t.Fatal(err)
		}
		if tag, err := as(token).Tag(t.Context(), "v1"); err != nil || tag.Commit != test.commit || writes != test.writes {
			t.Errorf("%d: the tag is at %s after %d writes: %v", i, tag.Commit, writes, err)
		}
	}
	if err := as("ghs_reader").SetTag(t.Context(), "v1", second); !errors.Is(err, ghapi.ErrForbidden) || !strings.Contains(err.Error(), `set tag "v1"`) {
		t.Errorf("error %v", err)
	}
}
