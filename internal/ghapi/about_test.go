package ghapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/org/release-actions/internal/secret"
)

func TestAboutAndCommitDateAreRead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer := map[string]string{
			"/repos/org/app":              `{"name": "app", "description": null, "html_url": "https://github.com/org/app", "default_branch": "dev", "license": null}`,
			"/repos/org/app/commits/abc":  `{"commit": {"committer": {"date": "2023-12-31T22:05:09Z"}}}`,
			"/repos/org/app/commits/none": `{"commit": {"committer": null}}`,
		}[req.URL.Path]
		if answer == "" || req.Header.Get("Authorization") != "Bearer t0ken" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	client, err := New(Options{APIURL: server.URL, Repository: Repository{"org", "app"}, Token: secret.New("t0ken")})
	if err != nil {
		t.Fatal(err)
	}
	about, err := client.About(t.Context())
	if want := (About{Name: "app", URL: "https://github.com/org/app", DefaultBranch: "dev"}); err != nil || about != want {
		t.Errorf("%+v, %v", about, err)
	}
	if date, err := client.CommitDate(t.Context(), "abc"); err != nil || !date.Equal(time.Date(2023, time.December, 31, 22, 5, 9, 0, time.UTC)) {
		t.Errorf("%v, %v", date, err)
	}
	if date, err := client.CommitDate(t.Context(), "none"); err != nil || !date.IsZero() {
		t.Errorf("%v, %v", date, err)
	}
	if _, err := client.CommitDate(t.Context(), "missing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestTagNamesAreReadPageByPage(t *testing.T) {
	t.Parallel()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.RequestURI() {
		case "/repos/org/app/tags?per_page=100&page=1":
			w.Header().Set("Link", `<`+server.URL+`/repositories/1/tags?per_page=100&page=2>; rel="next"`)
			_, _ = w.Write([]byte(`[{"name": "v1.0.0"}, {"name": "a/b"}]`))
		case "/repos/org/app/tags?per_page=100&page=2":
			_, _ = w.Write([]byte(`[{"name": "v2.0.0"}]`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	client, err := New(Options{APIURL: server.URL, Repository: Repository{"org", "app"}})
	if err != nil {
		t.Fatal(err)
	}
	names, err := client.TagNames(t.Context())
	if want := []string{"v1.0.0", "a/b", "v2.0.0"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v", names, err)
	}
	client.repository.Name = "other"
	if _, err := client.TagNames(t.Context()); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}
