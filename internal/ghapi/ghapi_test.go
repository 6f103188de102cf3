package ghapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/transport"
)

const token = "ghs_plantedSecret"

func client(t *testing.T, handler http.HandlerFunc) (*ghapi.Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := ghapi.New(ghapi.Options{
		APIURL: server.URL + "/api/v3", Repository: ghapi.Repository{Owner: "octocat", Name: "hello"}, Token: secret.New(token),
		Transport: transport.New(transport.Options{RetryFor: -1, UserAgent: "release-actions/test"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, server
}

func TestErrorsSayTheirKindAndTheMend(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		status       int
		header, body string
		kind         error
		text, mend   string
	}{
		{"bad token", 401, "", `{"message":"Bad credentials"}`, ghapi.ErrUnauthorized, `create release "v1": 401 Bad credentials`, `"github-token" is wrong`},
		{"no permission", 403, "", `{"message":"Resource not accessible by integration"}`, ghapi.ErrForbidden, "403 Resource not accessible", `grant "contents: write" under "permissions:"`},
		{"hidden", 404, "", `{"message":"Not Found"}`, ghapi.ErrNotFound, "404 Not Found", `"contents: write"`},
		{"exists", 422, "", `{"message":"Validation Failed","errors":[{"resource":"Release","code":"already_exists","field":"tag_name"}]}`, ghapi.ErrExists, "422 Validation Failed: tag_name already exists", ""},
		{"invalid", 422, "", `{"message":"Validation Failed","errors":[{"code":"custom","field":"body","message":"body is too long"}]}`, nil, "422 Validation Failed: body is too long", ""},
		{"used up", 403, "X-RateLimit-Remaining: 0|X-RateLimit-Reset: 1767225600", `{"message":"API rate limit exceeded"}`, ghapi.ErrRateLimited, "rate limit of the API is used up", "2026-01-01T00:00:00Z"},
		{"secondary", 403, "Retry-After: 60", `{"message":"slow down","documentation_url":"https://docs.github.com/x#about-secondary-rate-limits"}`, ghapi.ErrRateLimited, "secondary rate limit", "retry-for"},
		{"too many", 429, "", `{"message":"Too Many Requests"}`, ghapi.ErrRateLimited, "secondary rate limit", "retry-for"},
		{"down", 502, "", `<html>`, ghapi.ErrUnavailable, "502 Bad Gateway", "githubstatus"},
		{"not JSON", 200, "", `<html>`, ghapi.ErrUnavailable, "isn't JSON", ""},
	} {
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			for header := range strings.SplitSeq(test.header, "|") {
				if name, value, ok := strings.Cut(header, ": "); ok {
					w.Header().Set(name, value)
				}
			}
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		_, err := c.CreateRelease(t.Context(), ghapi.ReleaseChange{Tag: "v1"})
		if err == nil || !strings.Contains(err.Error(), test.text) || (test.kind != nil && !errors.Is(err, test.kind)) {
			t.Errorf("%s: error %v, want %q of kind %v", test.name, err, test.text, test.kind)
		}
		if mend := strings.Join(hint.Of(err), " "); !strings.Contains(mend, test.mend) {
			t.Errorf("%s: hint %q lacks %q", test.name, mend, test.mend)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), token) {
			t.Errorf("%s: the token is shown", test.name)
		}
	}
}

func TestNoServerIsUnavailable(t *testing.T) {
	t.Parallel()
	c, server := client(t, func(http.ResponseWriter, *http.Request) {})
	server.Close()
	if _, err := c.FindRelease(t.Context(), "v1"); !errors.Is(err, ghapi.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

func TestACancelledCallSaysSo(t *testing.T) {
	t.Parallel()
	c, _ := client(t, func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.FindRelease(ctx, "v1"); !errors.Is(err, context.Canceled) || errors.Is(err, ghapi.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

func TestEveryRequestHasTheTokenAndTheStepsName(t *testing.T) {
	t.Parallel()
	var bad atomic.Int32
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token || r.UserAgent() != "release-actions/test" {
			bad.Add(1)
		}
		_, _ = io.WriteString(w, `{"object":{"type":"commit","sha":"abc"},"upload_url":"x"}`)
	})
	_, err := c.FindRelease(t.Context(), "v1")
	if err != nil || bad.Load() > 0 {
		t.Errorf("%d bad requests, %v", bad.Load(), err)
	}
}

func TestTheTokenDoesNotFollowToAnotherHost(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen.Store(r.Header.Get("Authorization")) }))
	defer other.Close()
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		// 127.0.0.1 and localhost are different hosts for net/http.
		http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusTemporaryRedirect)
	})
	_, _ = c.FindRelease(t.Context(), "v1")
	if got := seen.Load(); got != "" {
		t.Errorf("another host got %v", got)
	}
}

func TestARedirectThatForgetsTheWriteIsAnError(t *testing.T) {
	t.Parallel()
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "octocat") {
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
			return
		}
		_, _ = io.WriteString(w, `{"id":1}`)
	})
	if _, err := c.UpdateRelease(t.Context(), ghapi.Release{ID: 1, Tag: "v1"}, ghapi.ReleaseChange{}); err == nil || !strings.Contains(err.Error(), "redirected as GET") {
		t.Errorf("error %v", err)
	}
}

func TestFindReleaseReadsAllPagesForDrafts(t *testing.T) {
	t.Parallel()
	c, server := client(t, nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/tags/"):
			http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		case r.URL.Query().Get("page") == "1":
			w.Header().Set("Link", `<`+server.URL+`/x?page=2>; rel="next"`)
			_, _ = io.WriteString(w, `[{"id":9,"tag_name":"v1","draft":true},{"id":8,"tag_name":"v2","draft":true}]`)
		default:
			_, _ = io.WriteString(w, `[{"id":5,"tag_name":"v1","draft":true}]`)
		}
	})
	r, err := c.FindRelease(t.Context(), "v1")
	if err != nil || r.ID != 5 {
		t.Errorf("found %+v, %v; want the oldest draft", r, err)
	}
	if _, err := c.FindRelease(t.Context(), "v3"); !errors.Is(err, ghapi.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

func TestSettleGivesWayToAnEarlierRelease(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]struct {
		id      int64
		deleted bool
	}{
		`[{"id":9,"tag_name":"v1","draft":true}]`: {9, false},
		`[]`: {9, false},
		`[{"id":9,"tag_name":"v1","draft":true},{"id":7,"tag_name":"v1","draft":true}]`:   {7, true},
		`[{"id":12,"tag_name":"v1","draft":false},{"id":9,"tag_name":"v1","draft":true}]`: {12, true},
		`[{"id":12,"tag_name":"v1","draft":true},{"id":9,"tag_name":"v1","draft":true}]`:  {9, false},
	} {
		var deleted atomic.Bool
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				deleted.Store(strings.HasSuffix(r.URL.Path, "/releases/9"))
				w.WriteHeader(http.StatusNoContent)
				return
			}
			_, _ = io.WriteString(w, list)
		})
		r, err := c.Settle(t.Context(), ghapi.Release{ID: 9, Tag: "v1", Draft: true})
		if err != nil || r.ID != want.id || deleted.Load() != want.deleted {
			t.Errorf("%s: kept %d, deleted %v, %v", list, r.ID, deleted.Load(), err)
		}
	}
}

func TestUploadIsSentAgainInFull(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if string(body) != "content" || r.ContentLength != 7 || r.Header.Get("Content-Type") != "text/plain" || r.URL.RawQuery != "label=b+c.txt&name=b.c.txt" {
			t.Errorf("got %q (%d) of %q at %q", body, r.ContentLength, r.Header.Get("Content-Type"), r.URL)
		}
		_, _ = io.WriteString(w, `{"id":3,"name":"b.c.txt","state":"uploaded","size":7,"digest":null}`)
	}))
	defer server.Close()
	c, err := ghapi.New(ghapi.Options{Transport: transport.New(transport.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "b c.txt")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := c.UploadAsset(t.Context(), ghapi.Release{UploadURL: server.URL + "/up/assets{?name,label}"},
		ghapi.File{Path: path, Name: "b.c.txt", Label: "b c.txt", Size: 7, ContentType: "text/plain"})
	if err != nil || a.ID != 3 || !a.Uploaded() || a.Digest != "" {
		t.Errorf("asset %+v, %v", a, err)
	}
}

func TestTagOfTagsEnds(t *testing.T) {
	t.Parallel()
	var path atomic.Value
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		path.CompareAndSwap(nil, r.URL.EscapedPath())
		_, _ = io.WriteString(w, `{"object":{"type":"tag","sha":"abc"}}`)
	})
	if _, err := c.Tag(t.Context(), "release/v1 #2"); err == nil || !strings.Contains(err.Error(), "tags of tags") {
		t.Errorf("error %v", err)
	}
	if got, want := path.Load(), "/api/v3/repos/octocat/hello/git/ref/tags/release/v1%20%232"; got != want {
		t.Errorf("path %v, want %s", got, want)
	}
}

func TestAssetName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a.tar.gz": "a.tar.gz", "a b.txt": "a.b.txt", "a[1].txt": "a.1.txt", ".env": "env", "größe.txt": "gr.e.txt", "a+b@c_d-e": "a+b@c_d-e", "…": "",
	} {
		if got := ghapi.AssetName(in); got != want {
			t.Errorf("AssetName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOptionsAndRepositoryAreChecked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"api.github.com", "ftp://x", "https://"} {
		if _, err := ghapi.New(ghapi.Options{APIURL: address}); err == nil {
			t.Errorf("API address %q is accepted", address)
		}
	}
	for _, s := range []string{"", "a", "a/b/c", "a/", "/b", "https://github.com/a/b", "a b/c"} {
		var r ghapi.Repository
		if err := r.UnmarshalText([]byte(s)); err == nil || len(hint.Of(err)) == 0 {
			t.Errorf("repository %q: %v", s, err)
		}
	}
	var r ghapi.Repository
	if err := r.UnmarshalText([]byte("Octo-Cat/hello.World_2")); err != nil || r.String() != "Octo-Cat/hello.World_2" {
		t.Errorf("%v, %v", r, err)
	}
}
