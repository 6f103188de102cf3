package sigstore

import (
	"errors"
	"fmt"
	"regexp"
)

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
