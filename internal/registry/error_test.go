package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
)

func TestErrorsSayWhatWasAnsweredAndTheMend(t *testing.T) {
	t.Parallel()
	github := Credentials{GitHubToken: secret.New("pass-word-1")}
	hub := Credentials{DockerHubUsername: "ann", DockerHubToken: secret.New("pass-word-1")}
	for _, test := range []struct {
		repo        string
		credentials Credentials
		status      int
		code        string
		kind        error
		mend        string
	}{
		{"ghcr.io/org/app", Credentials{}, 401, "UNAUTHORIZED", ErrDenied, `"github-token", and grant "packages: write"`},
		{"ghcr.io/org/app", github, 401, "UNAUTHORIZED", ErrDenied, `"packages: write"`},
		{"ghcr.io/org/app", github, 403, "DENIED", ErrDenied, `"Manage Actions access"`},
		{"ghcr.io/org/app", loginAs("ghcr.io", "ann", "pass-word-1"), 403, "DENIED", ErrDenied, `"registry-auth"`},
		{"org/app", Credentials{}, 401, "UNAUTHORIZED", ErrDenied, `"dockerhub-username" and "dockerhub-token"`},
		{"org/app", hub, 401, "UNAUTHORIZED", ErrDenied, `"dockerhub-token" is valid`},
		{"quay.io/org/app", Credentials{}, 401, "UNAUTHORIZED", ErrDenied, `a login for quay.io in the input "registry-auth"`},
		{"quay.io/org/app", Credentials{}, 403, "DENIED", ErrDenied, "may write"},
		{"quay.io/org/app", Credentials{}, 404, "NAME_UNKNOWN", ErrNotFound, "create the repository"},
		{"quay.io/org/app", Credentials{}, 405, "UNSUPPORTED", ErrUnsupported, ""},
		{"quay.io/org/app", Credentials{}, 400, "UNSUPPORTED", ErrUnsupported, ""},
		{"org/app", Credentials{}, 429, "TOOMANYREQUESTS", nil, "log in"},
		{"org/app", hub, 429, "TOOMANYREQUESTS", nil, `"retry-for"`},
		{"quay.io/org/app", Credentials{}, 503, "UNAVAILABLE", nil, `"retry-for"`},
	} {
		t.Run(fmt.Sprint(test.repo, " ", test.status), func(t *testing.T) {
			t.Parallel()
			message := "no way for\x1b[1m pass-word-1\nsecond line"
			s := newServer(t, false, fault(-1, "POST|DELETE", "/v2/org/app/", func(w http.ResponseWriter) { refuse(w, test.status, test.code, message) }))
			// A password must not be quoted, whichever host it belongs to.
			test.credentials.Auth = append(test.credentials.Auth, Auth{"else.where", "ann", secret.New("pass-word-1")})
			c := client(t, test.credentials, Options{Transport: rerouted{s}})
			repo := repository(t, test.repo)
			err := c.CheckPush(t.Context(), repo)
			if err == nil {
				t.Fatal("no error")
			}
			secretless(t, err)
			host := test.repo[:strings.Index(test.repo, "/")]
			if host == "org" {
				host = "index.docker.io"
			}
			want := fmt.Sprintf("push to %q: %s answered %d %s: %s: no way for", repo, host, test.status, http.StatusText(test.status), test.code)
			if !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %q, want it to begin with %q", err, want)
			}
			for _, kind := range []error{ErrDenied, ErrNotFound, ErrUnsupported} {
				if errors.Is(err, kind) != (kind == test.kind) { //nolint:errorlint // which of the sentinels is meant
					t.Errorf("errors.Is(%v, %v) is %v", err, kind, kind != test.kind) //nolint:errorlint // as above
				}
			}
			if mends := strings.Join(hint.Of(err), " "); !strings.Contains(mends, test.mend) || (test.mend == "") != (mends == "") {
				t.Errorf("hint %q, want one with %q", mends, test.mend)
			}
			if err := c.Untag(t.Context(), repo.Tag("1")); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("remove the tag %q", repo.Tag("1"))) {
				t.Errorf("untag: error %v", err)
			}
		})
	}
}

func TestOnlyWhatWritesAsksForTheRightToWrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		repo        string
		credentials Credentials
		mend        string
	}{
		{"ghcr.io/org/app", Credentials{}, `"packages: read"`},
		{"ghcr.io/org/app", Credentials{GitHubToken: secret.New("pass-word-1")}, `the role Read`},
		{"org/app", Credentials{}, "Read-only"},
		{"org/app", Credentials{DockerHubUsername: "ann", DockerHubToken: secret.New("pass-word-1")}, "may read"},
		{"quay.io/org/app", loginAs("quay.io", "ann", "pass-word-1"), "may read"},
	} {
		t.Run(test.mend+" "+test.repo, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, false, fault(-1, "GET|HEAD|POST", "/v2/org/app/", func(w http.ResponseWriter) { refuse(w, 401, "UNAUTHORIZED", "no") }))
			c := client(t, test.credentials, Options{Transport: rerouted{s}})
			pinned := repository(t, test.repo).Pin(image.Digest("sha256:" + strings.Repeat("0", 64)))
			_, err := c.Resolve(t.Context(), pinned.Repository.Tag("1"))
			_, listing := c.Referrers(t.Context(), pinned, "")
			_, reading := c.Manifest(t.Context(), pinned)
			for _, err := range []error{err, listing, reading} {
				mends := strings.Join(hint.Of(err), " ")
				if !strings.Contains(mends, test.mend) || strings.Contains(strings.ToLower(mends), "write") {
					t.Errorf("%v, hint %q, want one with %q and without write", err, mends, test.mend)
				}
			}
			_, attaching := c.Attach(t.Context(), pinned, bundle)
			for _, err := range []error{c.CheckPush(t.Context(), pinned.Repository), c.Tag(t.Context(), pinned, "1"), attaching} {
				if mends := strings.Join(hint.Of(err), " "); !strings.Contains(strings.ToLower(mends), "write") {
					t.Errorf("%v, hint %q, want one with write", err, mends)
				}
			}
		})
	}
}

// secretless checks that an error is one short line without what nobody may see.
func secretless(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %s", err, strings.Join(hint.Of(err), " "))
	for _, s := range []string{"pass-word-1", "do-not-quote", basic("ann", "pass-word-1"), "\n", "\x1b", "second line"} {
		if strings.Contains(text, s) {
			t.Errorf("error shows %q: %s", s, text)
		}
	}
	if len(err.Error()) > 600 {
		t.Errorf("error has %d bytes", len(err.Error()))
	}
}

func TestAnErrorNeverDumpsABody(t *testing.T) {
	t.Parallel()
	tokens := newBearer()
	wordy := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(code)
			fmt.Fprint(w, strings.Repeat("<html>pass-word-1\n", 1000))
		}
	}
	for name, s := range map[string]*server{
		"web page":    newServer(t, false, fault(-1, "GET|HEAD|POST", "/v2/org/", wordy(502))),
		"token page":  newServer(t, false, fault(-1, "GET", "/token", wordy(503)), tokens.around),
		"empty token": newServer(t, false, fault(-1, "GET", "/token", wordy(200)), tokens.around),
		"no token": newServer(t, false, fault(-1, "GET", "/token", func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"refresh_token":"pass-word-1"}`)
		}), tokens.around),
		"long": newServer(t, false, fault(-1, "GET|HEAD|POST", "/v2/org/", func(w http.ResponseWriter) {
			refuse(w, 500, strings.Repeat("X", 1000), strings.Repeat("é", 1000))
		})),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, loginAs(s.host(), "ann", "pass-word-1"), Options{})
			repo := s.repo(t)
			err := c.CheckPush(t.Context(), repo)
			if err == nil {
				t.Fatal("no error")
			}
			secretless(t, err)
			_, err = c.Attach(t.Context(), repo.Pin(image.Digest("sha256:"+strings.Repeat("0", 64))), bundle)
			if err == nil || !strings.Contains(err.Error(), repo.String()) {
				t.Fatalf("attach: error %v", err)
			}
			secretless(t, err)
		})
	}
}

func TestAnUnreachableRegistryIsNamed(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	repo := s.repo(t)
	s.Close()
	_, err := client(t, loginAs(s.host(), "ann", "pass-word-1"), Options{}).Resolve(t.Context(), repo.Tag("1"))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("resolve %q: reach %s: dial tcp", repo.Tag("1"), s.host())) {
		t.Errorf("error %v", err)
	}
	if mend := strings.Join(hint.Of(err), " "); !strings.Contains(mend, "see that "+s.host()+" is a registry's name") {
		t.Errorf("hint %q", mend)
	}
}
