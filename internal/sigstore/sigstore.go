// Package sigstore signs statements and messages and verifies what was signed.
// Keyless, a certificate of Fulcio says who; or a key pair does. Entries in the
// transparency log Rekor say so for all to see, and they or a timestamp
// authority say when. It is the only importer of sigstore-go.
//
// Without files it speaks to the public instance, or to GitHub's own one for
// private repositories; their keys come by TUF. A private instance is described
// by the two files that cosign takes.
//
// https://docs.sigstore.dev/about/bundle/
package sigstore

import (
	"log/slog"
	"net/http"

	"github.com/org/release-actions/internal/secret"
)

// BundleMediaType is the media type of a bundle, and the artifact type of the
// OCI manifest that attaches one to an image.
const BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Options are how to reach a Sigstore instance.
type Options struct {
	// Transport does the requests, and their retries; http.DefaultTransport where nil.
	Transport http.RoundTripper
	// Place is where it runs; one that says nothing where nil.
	Place Place
	// Log takes what is done; discarded where nil.
	Log *slog.Logger

	repositories map[Operator]repository // in the place of the real ones
}

func (o Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}

// Place is the runner, or the machine, as far as it matters to Sigstore.
type Place interface {
	// CacheDir is where what describes an instance is kept for other steps and
	// jobs; nowhere where "".
	CacheDir() string
	// Visibility of the repository, as the event says: "public", "private" or
	// "internal"; "" where it doesn't.
	Visibility() string
	// Secret returns a variable of the environment that holds a key or its password.
	Secret(name string) secret.String
}

// nowhere says nothing.
type nowhere struct{}

func (nowhere) CacheDir() string            { return "" }
func (nowhere) Visibility() string          { return "" }
func (nowhere) Secret(string) secret.String { return secret.String{} }

func (o Options) place() Place {
	if o.Place == nil {
		return nowhere{}
	}
	return o.Place
}

func (o Options) transport() http.RoundTripper {
	if o.Transport == nil {
		return http.DefaultTransport
	}
	return o.Transport
}
