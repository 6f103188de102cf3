package sigstore_test

import (
	"crypto/elliptic"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

// hosts answers for the real names of instances, and notes which were asked.
type hosts struct {
	handlers map[string]http.Handler

	mu    sync.Mutex
	asked map[string]bool
}

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	h.asked[r.URL.Host] = true
	h.mu.Unlock()
	handler, ok := h.handlers[r.URL.Host]
	if !ok {
		return nil, errors.New("no such host")
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// world has both instances under their real names. GitHub's has no logs.
func world(t *testing.T, p place) (*hosts, sigstore.Options) {
	t.Helper()
	read := func(path string) []byte {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	public, github := sigstoretest.New(t), sigstoretest.New(t)
	valid := time.Now().Add(time.Hour)
	publicTUF := sigstoretest.NewRepository(t, valid, map[string][]byte{
		"trusted_root.json": read(public.CTLog), "signing_config.v0.2.json": read(public.SigningConfig),
	})
	githubTUF := sigstoretest.NewRepository(t, valid, map[string][]byte{
		"trusted_root.json": read(github.WriteTrustedRoot(t, func(r *prototrustroot.TrustedRoot) { r.Tlogs = nil })),
	})
	h := &hosts{asked: map[string]bool{}, handlers: map[string]http.Handler{
		"tuf-repo-cdn.sigstore.dev": publicTUF, "tuf-repo.github.com": githubTUF,
		"fulcio.githubapp.com": github.Fulcio, "timestamp.githubapp.com": github.Timestamp,
	}}
	for _, s := range []*sigstoretest.Service{public.Fulcio, public.Rekor, public.Tiles, public.Timestamp} {
		h.handlers[strings.TrimPrefix(s.URL, "http://")] = s
	}
	o := sigstore.Options{Transport: h, Place: p}
	return h, o.WithRoot(sigstore.Public, publicTUF.Root).WithRoot(sigstore.GitHub, githubTUF.Root)
}

func (h *hosts) publicAsked() bool {
	for host := range h.asked {
		if !strings.HasSuffix(host, "github.com") && !strings.HasSuffix(host, "githubapp.com") {
			return true
		}
	}
	return false
}

func TestThePublicLogLearnsOfNoPrivateRepository(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		event, token string
		operator     sigstore.Operator
		public       bool   // the public instance signs
		err, fix     string // or nobody does
	}{
		"public":                     {"public", "public", "", true, "", ""},
		"private":                    {"private", "private", "", false, "", ""},
		"internal":                   {"internal", "internal", "", false, "", ""},
		"an event that doesn't tell": {"", "public", "", true, "", ""},
		"an event that doesn't tell of a private one":      {"", "private", "", true, "is private", "sigstore: github"},
		"an event that doesn't tell of an internal one":    {"", "internal", "", true, "is internal", "sigstore: github"},
		"an event from before it became private":           {"public", "private", "", true, "is private", "sigstore: github"},
		"an event that says something new":                 {"secret", "secret", "", false, "", ""},
		"private, and somebody wants it in the public log": {"private", "private", sigstore.Public, true, "", ""},
		"public, and somebody wants it at GitHub":          {"public", "public", sigstore.GitHub, false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, o := world(t, place{visibility: test.event})
			instance := sigstore.Instance{Trust: sigstore.Trust{Operator: test.operator}}
			s, err := sigstore.NewSigner(t.Context(), instance, sigstoretest.Token(workflow, map[string]string{"repository_visibility": test.token}), time.Second, o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := s.Sign(t.Context(), statement(digest))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(strings.Join(hint.Of(err), ""), test.fix) {
					t.Errorf("got %v, mends %q", err, hint.Of(err))
				}
				delete(h.asked, "tuf-repo-cdn.sigstore.dev")
				if h.publicAsked() {
					t.Errorf("asked were %v", h.asked)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.publicAsked() != test.public {
				t.Errorf("asked were %v", h.asked)
			}
			if want := map[bool]string{true: "dsse 0.0.1, timestamp", false: "timestamp"}[test.public]; witnesses(t, text) != want {
				t.Errorf("got %s, want %s", witnesses(t, text), want)
			}
			if test.public {
				return // its trusted root demands SCTs, which this instance's certificates lack
			}
			v, err := sigstore.NewVerifier(t.Context(), instance.Trust, o)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := v.Verify(text, digest, identity); err != nil || got.LogIndex != -1 || time.Since(got.Time) > time.Minute {
				t.Errorf("verified as %+v, %v", got, err)
			}
			// No other instance takes what has no log entry.
			v, err = sigstore.NewVerifier(t.Context(), sigstore.Trust{Operator: sigstore.Public}, o)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := v.Verify(text, digest, identity); err == nil || len(hint.Of(err)) > 0 {
				t.Errorf("the public instance verified it as %+v, %v", got, err)
			}
		})
	}
}

// Nobody chose an instance, and the event is of another repository than the image.
func TestTheOtherInstanceIsNamedWhereNobodyChose(t *testing.T) {
	t.Parallel()
	_, o := world(t, place{visibility: "private"})
	s, err := sigstore.NewSigner(t.Context(), sigstore.Instance{}, sigstoretest.Token(workflow), time.Second, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Sign(t.Context(), statement(digest))
	if err != nil {
		t.Fatal(err)
	}
	for visibility, mend := range map[string]string{"": "sigstore: github", "public": "sigstore: github", "private": ""} {
		o.Place = place{visibility: visibility}
		v, err := sigstore.NewVerifier(t.Context(), sigstore.Trust{}, o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(text, digest, identity)
		if (err == nil) != (mend == "") || !strings.Contains(strings.Join(hint.Of(err), ""), mend) {
			t.Errorf("%q: %v, mends %q", visibility, err, hint.Of(err))
		}
	}
}

// A key is certified by nobody, and GitHub's clock dates what it signs.
func TestAKeyOfAPrivateRepositoryStaysOutOfThePublicLog(t *testing.T) {
	t.Parallel()
	p := ecdsaPair(t, elliptic.P256())
	h, o := world(t, place{visibility: "private", env: p.place().env})
	s, err := sigstore.NewSigner(t.Context(), sigstore.Instance{Trust: sigstore.Trust{Key: p.private}}, noToken, time.Second, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Sign(t.Context(), statement(digest))
	if err != nil || witnesses(t, text) != "timestamp" || h.publicAsked() || h.asked["fulcio.githubapp.com"] {
		t.Fatalf("asked were %v, %v", h.asked, err)
	}
	v, err := s.Verifier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Verify(text, digest, p.id); err != nil || got.LogIndex != -1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGitHubsInstanceHasNoLog(t *testing.T) {
	t.Parallel()
	_, o := world(t, place{visibility: "private"})
	_, err := sigstore.NewSigner(t.Context(), sigstore.Instance{RekorVersions: sigstore.RekorVersions{2}}, noToken, 0, o)
	if err == nil || !strings.Contains(err.Error(), "no transparency log") || !strings.Contains(strings.Join(hint.Of(err), ""), "rekor-version") {
		t.Errorf("got %v", err)
	}
	s, err := sigstore.NewSigner(t.Context(), sigstore.Instance{}, sigstoretest.Token(workflow), time.Second, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignMessage(t.Context(), []byte("x")); err == nil || !strings.Contains(strings.Join(hint.Of(err), ""), "legacy") {
		t.Errorf("a message: %v", err)
	}
}

// A trusted root without logs is good for GitHub's instance and for one that
// its file describes, and never for the public one.
func TestThePublicInstanceHasLogs(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	trusted, err := os.ReadFile(i.WriteTrustedRoot(t, func(r *prototrustroot.TrustedRoot) { r.Tlogs = nil }))
	if err != nil {
		t.Fatal(err)
	}
	repository := sigstoretest.NewRepository(t, time.Now().Add(time.Hour), map[string][]byte{"trusted_root.json": trusted})
	o := sigstore.Options{Transport: &hosts{asked: map[string]bool{}, handlers: map[string]http.Handler{"tuf-repo-cdn.sigstore.dev": repository}}}
	_, err = sigstore.NewVerifier(t.Context(), sigstore.Trust{}, o.WithRoot(sigstore.Public, repository.Root))
	if err == nil || !strings.Contains(err.Error(), "no logs") {
		t.Errorf("got %v", err)
	}
}
