package sigstore_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
)

// place is where a test runs.
type place struct {
	cache, visibility string
	env               map[string]string
}

func (p place) CacheDir() string                 { return p.cache }
func (p place) Visibility() string               { return p.visibility }
func (p place) Secret(name string) secret.String { return secret.New(p.env[name]) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWithoutFilesThePublicInstanceIsAskedByTUF(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(context.Context, sigstore.Options) error{
		"trusted_root.json": func(ctx context.Context, o sigstore.Options) error {
			_, err := sigstore.NewVerifier(ctx, sigstore.Trust{}, o)
			return err
		},
		"signing_config.v0.2.json": func(ctx context.Context, o sigstore.Options) error {
			_, err := sigstore.NewSigner(ctx, sigstore.Instance{}, func(context.Context, string) (secret.String, error) { return secret.String{}, nil }, 0, o)
			return err
		},
	} {
		var asked atomic.Int32
		offline := errors.New("no route to host")
		o := sigstore.Options{Place: place{cache: t.TempDir()}, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "tuf-repo-cdn.sigstore.dev" {
				t.Errorf("%s is asked", r.URL)
			}
			asked.Add(1)
			return nil, offline
		})}
		err := open(t.Context(), o)
		if !errors.Is(err, offline) || !strings.Contains(err.Error(), name+" of the public") || len(hint.Of(err)) == 0 {
			t.Errorf("%s: %v, mends %q", name, err, hint.Of(err))
		}
		if asked.Load() == 0 {
			t.Errorf("%s: nobody was asked", name)
		}
	}
	if _, err := os.Stat("tuf-repo-cdn.sigstore.dev"); err == nil {
		t.Error("a cache was written into the working directory")
	}
}

func TestATUFAnswerThatIsTooLongIsCutOff(t *testing.T) {
	t.Parallel()
	o := sigstore.Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: endless{}, Request: r}, nil
	})}
	if _, err := sigstore.NewVerifier(t.Context(), sigstore.Trust{}, o); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Close() error               { return nil }
