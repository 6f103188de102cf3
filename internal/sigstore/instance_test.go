package sigstore_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

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

func TestOperatorsParse(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{"public": true, "github": true, "": true, "Public": false, "private": false, "https://fulcio.example": false} {
		var o sigstore.Operator
		if err := o.UnmarshalText([]byte(text)); (err == nil) != good || string(o) != text && good {
			t.Errorf("%q: %v, %v", text, o, err)
		} else if err != nil && len(hint.Of(err)) == 0 {
			t.Errorf("%q: no mend", text)
		}
	}
}

// What is embedded is the root that GitHub signed.
func TestGitHubsRootIsGenuine(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("tuf-repo.github.com.root.json")
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := trustedmetadata.New(text)
	if err != nil {
		t.Fatal(err)
	}
	if signed := trusted.Root.Signed; signed.Version != 3 || signed.Roles["root"].Threshold != 3 || len(signed.Keys) != 9 {
		t.Errorf("version %d, %d keys, threshold %d", signed.Version, len(signed.Keys), signed.Roles["root"].Threshold)
	}
}
