package registry_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/secret"
)

func newGHCR(t *testing.T, backend http.HandlerFunc) *httptest.Server {
	t.Helper()
	plain := httptest.NewServer(backend)
	t.Cleanup(plain.Close)
	front, err := registry.NewGHCR(registry.GHCROptions{
		Backend: plain.URL, Owner: "Acme", Public: "aqua", Token: secret.New("ghs_write"), ReadToken: secret.New("ghs_read"),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(front)
	t.Cleanup(server.Close)
	return server
}

func TestGHCRForwardsWhatURLsAreMadeFrom(t *testing.T) {
	t.Parallel()
	server := newGHCR(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the backend got the credentials")
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		// As a distribution registry does it.
		w.Header().Set("Location", r.Header.Get("X-Forwarded-Proto")+"://"+r.Host+r.URL.RequestURI()+"#"+string(body))
		w.WriteHeader(http.StatusAccepted)
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v2/acme/hello/blobs/uploads/?mount=x", strings.NewReader("layer"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "ghcr.io"
	req.SetBasicAuth("anybody", "ghs_write")
	resp, err := server.Client().Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got, want := resp.Header.Get("Location"), "https://ghcr.io/v2/acme/hello/blobs/uploads/?mount=x#layer"; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
}

func TestGHCRChecksTokenAndOwner(t *testing.T) {
	t.Parallel()
	server := newGHCR(t, func(http.ResponseWriter, *http.Request) {})
	for name, tc := range map[string]struct {
		token, method, path string
		want                int
	}{
		"anonymous":         {"", "GET", "/v2/", 401},
		"wrong token":       {"x", "GET", "/v2/", 401},
		"ping":              {"ghs_read", "GET", "/v2/", 200},
		"read":              {"ghs_read", "HEAD", "/v2/acme/hello/manifests/1", 200},
		"write, read-only":  {"ghs_read", "PUT", "/v2/acme/hello/manifests/1", 403},
		"write":             {"ghs_write", "PUT", "/v2/acme/hello/manifests/1", 200},
		"another's":         {"ghs_write", "PUT", "/v2/acme-evil/hello/manifests/1", 403},
		"another's is read": {"ghs_write", "GET", "/v2/other/hello/manifests/1", 200},
		"public":            {"", "GET", "/v2/aqua/db/manifests/2", 200},
		"public, to write":  {"", "PUT", "/v2/aqua/db/manifests/2", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), tc.method, server.URL+tc.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tc.token != "" {
				req.SetBasicAuth("anybody", tc.token)
			}
			resp, err := server.Client().Transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tc.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tc.want)
			}
			if (tc.want == 401) != (resp.Header.Get("WWW-Authenticate") != "") {
				t.Errorf("WWW-Authenticate %q", resp.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestMirrorIsReadByEverybody(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	t.Cleanup(plain.Close)
	mirror, err := registry.NewMirror(plain.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "PUT": 405, "POST": 405, "DELETE": 405} {
		answer := httptest.NewRecorder()
		mirror.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, "https://mirror.gcr.io/v2/aquasec/db/manifests/2", nil))
		if answer.Code != want || method == "GET" && answer.Body.String() != "mirror.gcr.io" {
			t.Errorf("%s: %d %q, want %d", method, answer.Code, answer.Body, want)
		}
	}
}
