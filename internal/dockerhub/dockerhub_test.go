package dockerhub_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/transport"
	"github.com/org/release-actions/internal/webapi"
)

const (
	password = "dckr_pat_plantedSecret"
	token    = "jwt.planted.secret"
)

// serve answers logins by itself, and all else with handler.
func serve(t *testing.T, handler http.HandlerFunc) *dockerhub.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/auth/token" {
			_, _ = io.WriteString(w, `{"access_token":"`+token+`"}`)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return client(t, server.URL, transport.New(transport.Options{RetryFor: -1}))
}

func client(t *testing.T, address string, base http.RoundTripper) *dockerhub.Client {
	t.Helper()
	c, err := dockerhub.New(dockerhub.Options{URL: address, Username: "octo", Password: secret.New(password), Transport: base})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func repository(t *testing.T) image.Repository {
	t.Helper()
	r, err := image.ParseRepository("octo/app")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestErrorsSayTheirKindAndTheMend(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status     int
		body       string
		kind       error
		text, mend string
	}{
		{401, `{}`, webapi.ErrUnauthorized, "401 Unauthorized", ""},
		{403, `{"message":"insufficient scope"}`, webapi.ErrForbidden, "403 Forbidden: insufficient scope", "Read, Write, Delete"},
		{404, `{"detail":"object not found"}`, webapi.ErrNotFound, "404 Not Found: object not found", "push an image first"},
		{429, ``, webapi.ErrRateLimited, "429 Too Many Requests", "retry-for"},
		{503, `<html>`, webapi.ErrUnavailable, "503 Service Unavailable", "Docker Hub is down"},
		{400, `{"description":["Ensure this field has no more than 100 characters."]}`, webapi.ErrRefused, "400 Bad Request: description: Ensure this field", ""},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		err := c.SetPage(t.Context(), repository(t), dockerhub.Page{})
		if !errors.Is(err, test.kind) || !strings.HasPrefix(err.Error(), `set the page of "docker.io/octo/app": `+test.text) {
			t.Errorf("%d: error %v", test.status, err)
			continue
		}
		if mend := strings.Join(hint.Of(err), " "); !strings.Contains(mend, test.mend) {
			t.Errorf("%d: hint %q lacks %q", test.status, mend, test.mend)
		}
		if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), token) {
			t.Errorf("%d: a secret is shown: %v", test.status, err)
		}
	}
}

func TestLoginIsDoneOnceAndItsFailureNamesTheUser(t *testing.T) {
	t.Parallel()
	var logins, unauthorized atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			if logins.Add(1); strings.TrimSpace(string(body)) != `{"identifier":"octo","secret":"`+password+`"}` || r.Header.Get("Authorization") != "" {
				t.Errorf("login is %s", body)
			}
			_, _ = io.WriteString(w, `{"access_token":"`+token+`"}`)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+token {
			unauthorized.Add(1)
		}
		_, _ = io.WriteString(w, `{"description":"d","full_description":"f"}`)
	}))
	defer server.Close()
	c := client(t, server.URL, nil)
	for range 2 {
		if p, err := c.Page(t.Context(), repository(t)); err != nil || *p.Description != "d" || p.FullDescription != "f" {
			t.Errorf("page %+v, %v", p, err)
		}
	}
	if logins.Load() != 1 || unauthorized.Load() > 0 {
		t.Errorf("%d logins, %d requests without the token", logins.Load(), unauthorized.Load())
	}

	for answer, want := range map[string]string{
		`401 {"detail":"Incorrect authentication credentials"}`: "401 Unauthorized: Incorrect authentication credentials",
		`200 {}`:     "the answer has no token",
		`200 <html>`: "is not the JSON it should be",
	} {
		refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if answer[0] == '4' {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = io.WriteString(w, answer[4:])
		}))
		_, err := client(t, refusing.URL, nil).Page(t.Context(), repository(t))
		refusing.Close()
		if err == nil || !strings.Contains(err.Error(), `log in to Docker Hub as "octo": `) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), password) {
			t.Errorf("%s: error %v", answer, err)
		}
	}
}

func TestARedirectKeepsTheMethodAndTheHost(t *testing.T) {
	t.Parallel()
	var arrived atomic.Value
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/") {
			w.Header().Set("Location", r.URL.Path+"/")
			w.WriteHeader(http.StatusMovedPermanently)
			return
		}
		body, _ := io.ReadAll(r.Body)
		arrived.Store(r.Method + " " + string(body))
	})
	if err := c.SetPage(t.Context(), repository(t), dockerhub.Page{FullDescription: "<a & b>"}); err != nil {
		t.Error(err)
	}
	if got, want := arrived.Load(), "PATCH {\"full_description\":\"<a & b>\"}\n"; got != want {
		t.Errorf("arrived as %q, want %q", got, want)
	}

	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host is asked") }))
	defer other.Close()
	c = serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
	})
	if err := c.SetPage(t.Context(), repository(t), dockerhub.Page{}); err == nil || !strings.Contains(err.Error(), "redirected to") {
		t.Errorf("error %v", err)
	}
}

func TestAddressMustKeepThePasswordPrivate(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"": true, "https://hub.docker.com": true, "https://proxy.example/hub/": true, "http://127.0.0.1:80": true, "http://localhost:1": true,
		"http://hub.docker.com": false, "hub.docker.com": false, "ftp://127.0.0.1": false, "https://": false, "::": false,
	} {
		_, err := dockerhub.New(dockerhub.Options{URL: address})
		if (err == nil) != ok || (err != nil && len(hint.Of(err)) == 0) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestALoginIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	var logins atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			logins.Add(1)
		}
		_, _ = io.WriteString(w, `{"access_token":"t"}`)
	}))
	defer server.Close()
	now := time.Unix(0, 0)
	c, err := dockerhub.New(dockerhub.Options{URL: server.URL, Username: "octo", Password: secret.New(password), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Page(t.Context(), repository(t)); err != nil {
			t.Error(err)
		}
		now = now.Add(5 * time.Minute)
	}
	if logins.Load() != 2 {
		t.Errorf("%d logins, want 2", logins.Load())
	}
}

func TestTheFirewallIsNamed(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<html>")
	})
	err := c.SetPage(t.Context(), repository(t), dockerhub.Page{})
	if hints := strings.Join(hint.Of(err), " "); err == nil || !strings.Contains(hints, "firewall") || strings.Contains(hints, "scope") {
		t.Errorf("error %v, hints %q", err, hints)
	}
}
