// Package sigstore signs statements and verifies what was signed, keyless: a
// certificate of Fulcio says who, an entry in the transparency log Rekor says
// when and for all to see. It is the only importer of sigstore-go.
//
// Without files it speaks to the public instance, whose keys and addresses come
// by TUF. A private instance is described by the two files that cosign takes.
//
// https://docs.sigstore.dev/about/bundle/
package sigstore

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/org/release-actions/internal/hint"
)

// BundleMediaType is the media type of a bundle, and the artifact type of the
// OCI manifest that attaches one to an image.
const BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Trust is the input that says whose signatures count.
type Trust struct {
	TrustedRoot string `input:"trusted-root"` // a file; the public instance where ""
}

// Instance is the inputs that describe the Sigstore instance to sign with.
type Instance struct {
	Trust         Trust
	SigningConfig string `input:"signing-config"` // a file; the public instance where ""
}

// Validate keeps what a private instance should log out of the public log.
func (i Instance) Validate() error {
	if i.Trust.TrustedRoot != "" && i.SigningConfig == "" {
		return hint.New("input \"trusted-root\" is given without \"signing-config\": the public instance would sign",
			"add \"signing-config\" of the same instance, or leave out both")
	}
	return nil
}

// Identity is who signed, or who must have: what a certificate says, or a key.
type Identity struct {
	Subject       string `json:"subject,omitempty"`       // the subject alternative name, as it is
	SubjectRegexp string `json:"subjectRegexp,omitempty"` // or a regular expression that matches the whole of it
	Issuer        string `json:"issuer,omitempty"`        // the OIDC issuer, as it is
	// Key stands in the place of all that where a key pair signed: "sha256:" and
	// the hash of the public key (DER, RFC 5280's SubjectPublicKeyInfo) in hex.
	Key string `json:"key,omitempty"`
}

// Validate checks that the identity says what to look for: one of subject and
// regular expression, and the issuer; or a key.
func (id Identity) Validate() error {
	if id.Key != "" {
		if id != (Identity{Key: id.Key}) {
			return errors.New("an identity is either a key or what a certificate says")
		}
		return nil
	}
	if (id.Subject == "") == (id.SubjectRegexp == "") {
		return errors.New("an identity is either a subject or a regular expression for it")
	}
	if id.Issuer == "" {
		return errors.New("an identity has an issuer")
	}
	_, err := id.pattern()
	return err
}

// pattern returns the regular expression, anchored: sigstore-go's match a part,
// and "https://github.com/acme/app" is a part of "https://github.com/acme/app-evil".
func (id Identity) pattern() (string, error) {
	if id.SubjectRegexp == "" {
		return "", nil
	}
	// Compiled alone first, since "a)|(b" would break out of the anchors.
	if _, err := regexp.Compile(id.SubjectRegexp); err != nil {
		return "", fmt.Errorf("%q is not a regular expression: %w", id.SubjectRegexp, err)
	}
	return `\A(?:` + id.SubjectRegexp + `)\z`, nil
}

// String describes the identity for people.
func (id Identity) String() string {
	if id.Key != "" {
		return fmt.Sprintf("key %q", id.Key)
	}
	if id.Subject == "" {
		return fmt.Sprintf("subject like %q of issuer %q", id.SubjectRegexp, id.Issuer)
	}
	return fmt.Sprintf("subject %q of issuer %q", id.Subject, id.Issuer)
}

// Options are how to reach a Sigstore instance.
type Options struct {
	// Transport does the requests, and their retries; http.DefaultTransport where nil.
	Transport http.RoundTripper
	// TempDir is where what describes the public instance is kept for the job's
	// other steps; nowhere where "".
	TempDir string
	// Log takes what is done; discarded where nil.
	Log *slog.Logger
}

func (o Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}

func (o Options) transport() http.RoundTripper {
	if o.Transport == nil {
		return http.DefaultTransport
	}
	return o.Transport
}
