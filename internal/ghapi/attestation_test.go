package ghapi_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// hosts answers requests in the place of the hosts that they are for.
type hosts map[string]http.Handler

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	if h[r.URL.Host] == nil {
		return nil, errors.New("no such host: " + r.URL.Host)
	}
	r.Header.Set("User-Agent", "test")
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h[r.URL.Host].ServeHTTP(w, r)
	return w.Result(), nil
}

// gitHub is the stand-in's API, and a client for it with a token that may write, and one that may not.
func gitHub(t *testing.T) (h hosts, writer, reader *ghapi.Client) {
	t.Helper()
	server, err := github.New(github.Options{
		Repository: "octocat/hello", Commit: strings.Repeat("0", 40),
		Tokens: []github.Token{{Value: secret.New(token), Write: true}, {Value: secret.New("ghs_read")}},
		Judge:  githubtest.Judge(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	h = hosts{github.APIHost: server.API(), github.BundlesHost: server.Bundles()}
	as := func(token string) *ghapi.Client {
		c, err := ghapi.New(ghapi.Options{Repository: ghapi.Repository{Owner: "octocat", Name: "hello"}, Token: secret.New(token), Transport: h})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return h, as(token), as("ghs_read")
}

func bundle(predicateType string) []byte {
	statement := fmt.Sprintf(`{"subject":[{"digest":{"sha256":%q}}],"predicateType":%q}`, strings.TrimPrefix(digest, "sha256:"), predicateType)
	return fmt.Appendf(nil, `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"dsseEnvelope":{"payload":%q}}`,
		base64.StdEncoding.EncodeToString([]byte(statement)))
}

// laterVersion asks for a version of the API that has no bundles inline.
func laterVersion(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-GitHub-Api-Version", "2026-03-10")
		next.ServeHTTP(w, r)
	})
}

func TestAttestationsAreKeptAndFound(t *testing.T) {
	t.Parallel()
	h, writer, reader := gitHub(t)
	if none, err := reader.Attestations(t.Context(), digest); err != nil || len(none) != 0 {
		t.Fatalf("before: %d, %v", len(none), err)
	}
	const many = 130 // more than a page
	for n := range many {
		if id, err := writer.CreateAttestation(t.Context(), bundle(fmt.Sprintf("https://example.com/%d", n))); err != nil || id == "" {
			t.Fatal(id, err)
		}
	}
	for _, version := range []string{"this", "a later one"} {
		found, err := reader.Attestations(t.Context(), digest)
		if err != nil || len(found) != many {
			t.Fatalf("version %s: %d, %v", version, len(found), err)
		}
		// Newest first.
		if want := bundle("https://example.com/129"); string(found[0]) != string(want) {
			t.Errorf("version %s: %s", version, found[0])
		}
		h[github.APIHost] = laterVersion(h[github.APIHost])
	}
}

func TestAnAttestationsNumberMayBeText(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"id":17}`, `{"id":"17"}`} {
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, answer)
		})
		if id, err := c.CreateAttestation(t.Context(), bundle("p")); err != nil || id != "17" {
			t.Errorf("%s: %q, %v", answer, id, err)
		}
	}
}

func TestAttestationsSayWhichPermissionIsMissing(t *testing.T) {
	t.Parallel()
	_, _, reader := gitHub(t)
	_, err := reader.CreateAttestation(t.Context(), bundle("p"))
	mends := strings.Join(hint.Of(err), "\n")
	if !errors.Is(err, ghapi.ErrForbidden) || !strings.Contains(mends, `"attestations: write"`) || !strings.Contains(mends, "push-to-github") || strings.Contains(mends, "contents") {
		t.Errorf("%v, mends %q", err, mends)
	}
	for status, kind := range map[int]error{http.StatusForbidden: ghapi.ErrForbidden, http.StatusNotFound: ghapi.ErrNotFound} {
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"message":"no"}`)
		})
		_, err := c.CreateAttestation(t.Context(), bundle("p"))
		if mends := strings.Join(hint.Of(err), "\n"); !errors.Is(err, kind) || !strings.Contains(mends, "Enterprise Cloud") || strings.Contains(mends, "contents") {
			t.Errorf("%d: %v, mends %q", status, err, mends)
		}
		_, err = c.Attestations(t.Context(), digest)
		if mends := strings.Join(hint.Of(err), "\n"); status == http.StatusForbidden && !strings.Contains(mends, `"attestations: read"`) {
			t.Errorf("%d: %v, mends %q", status, err, mends)
		}
	}
}

func TestAnAttestationThatCannotBeFetchedIsAnError(t *testing.T) {
	t.Parallel()
	const signature = "sig=plantedSignature"
	for name, storage := range map[string]http.HandlerFunc{
		"gone":              func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"not compressed":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
		"said to be of 1GB": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0x80, 0x80, 0x80, 0x80, 0x04}) },
		"not there":         nil,
	} {
		h := hosts{"api.github.com": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"attestations":[{"bundle":null,"bundle_url":"https://storage.example/1?`+signature+`"}]}`)
		})}
		if storage != nil {
			h["storage.example"] = storage
		}
		c, err := ghapi.New(ghapi.Options{Repository: ghapi.Repository{Owner: "octocat", Name: "hello"}, Token: secret.New(token), Transport: h})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Attestations(t.Context(), digest)
		if err == nil || !strings.Contains(err.Error(), "storage.example") || strings.Contains(err.Error(), signature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheStorageOfBundlesGetsNoToken(t *testing.T) {
	t.Parallel()
	h, writer, _ := gitHub(t)
	want := bundle("p")
	if _, err := writer.CreateAttestation(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	h[github.APIHost] = laterVersion(h[github.APIHost])
	asked := 0
	h[github.BundlesHost] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went along")
		}
		_, _ = w.Write(snappy.Encode(nil, want))
	})
	if found, err := writer.Attestations(t.Context(), digest); err != nil || asked != 1 || string(found[0]) != string(want) {
		t.Errorf("%q, %v, asked %d times", found, err, asked)
	}
}
