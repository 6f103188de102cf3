package releasenotes

import (
	"cmp"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/notes"
)

// signer is who signed a bundle: what its certificate says, or a key's hash.
type signer struct {
	identity, issuer string
	repository       string // whose run signed: "octocat/hello"
	github           bool   // it was certified by GitHub's own Sigstore
	key              string // in hex
}

// claim is what a Sigstore bundle says. Nothing of it is verified here: the
// steps that made it have done that, and readers of the page do.
type claim struct {
	about    image.Digest
	kind     string // as notes has it
	by       signer
	logIndex int64 // in a log of version 1
	logged   bool  // whether there is such an entry
}

// bundle is as much of a Sigstore bundle as the page tells. The library that
// knows all of it would double the program.
//
// https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
type bundle struct {
	Material struct {
		Certificate struct{ RawBytes []byte }
		PublicKey   *struct{ Hint string }
		Entries     []struct {
			LogIndex json.Number
			// Promise is what logs of version 1 give.
			Promise json.RawMessage `json:"inclusionPromise"`
		} `json:"tlogEntries"`
	} `json:"verificationMaterial"`
	Envelope struct{ Payload []byte } `json:"dsseEnvelope"`
}

// parseBundle reads a bundle with a statement.
func parseBundle(text []byte) (c claim, err error) {
	var b bundle
	if err := json.Unmarshal(text, &b); err != nil {
		return claim{}, err
	}
	if len(b.Envelope.Payload) == 0 {
		return claim{}, errors.New("it holds no statement")
	}
	statement, err := intoto.Parse(b.Envelope.Payload)
	if err != nil {
		return claim{}, err
	}
	if len(statement.Subject) == 1 {
		c.about = image.Digest("sha256:" + statement.Subject[0].Digest["sha256"])
	}
	if strings.ContainsAny(statement.PredicateType, "\r\n") {
		return claim{}, fmt.Errorf("its predicate type is %q", statement.PredicateType)
	}
	c.kind = kindOf(statement.PredicateType)
	if b.Material.PublicKey != nil {
		c.by, err = signerOfKey(b.Material.PublicKey.Hint)
	} else {
		c.by, err = signerOf(b.Material.Certificate.RawBytes)
	}
	if err != nil {
		return claim{}, err
	}
	for _, entry := range b.Material.Entries {
		if len(entry.Promise) > 0 && !c.logged {
			c.logged = true
			// What is 0 is left out.
			c.logIndex, err = json.Number(cmp.Or(string(entry.LogIndex), "0")).Int64()
		}
	}
	return c, err
}

// kindOf names a predicate type as the page does; it keeps a type that it has no
// name for.
func kindOf(predicateType string) string {
	switch predicateType {
	case intoto.CosignSign:
		return notes.Signature
	case intoto.SPDX:
		return notes.SPDX
	case intoto.CycloneDX:
		return notes.CycloneDX
	case intoto.SLSAProvenance:
		return notes.Provenance
	case intoto.Vulnerabilities:
		return notes.Report
	}
	return predicateType
}

// signerOfKey reads the hint that bundles of a key have: its SHA-256 in base64.
func signerOfKey(hint string) (signer, error) {
	sum, err := base64.StdEncoding.DecodeString(hint)
	if err != nil || len(sum) != 32 {
		return signer{}, fmt.Errorf("the hint %q of its key is no SHA-256", hint)
	}
	return signer{key: hex.EncodeToString(sum)}, nil
}

// The extensions of a certificate that say who vouches for the identity, and
// which repository's run has signed.
//
// https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
var (
	issuerOID     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
	repositoryOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 12}
)

// githubIssuer is the organisation in certificates of GitHub's own Sigstore.
const githubIssuer = "GitHub, Inc."

// signerOf reads a certificate of Fulcio's.
func signerOf(der []byte) (signer, error) {
	if len(der) == 0 {
		return signer{}, errors.New("it holds neither a certificate nor a key")
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return signer{}, err
	}
	s := signer{github: slices.Contains(certificate.Issuer.Organization, githubIssuer)}
	switch {
	case len(certificate.URIs) > 0:
		s.identity = certificate.URIs[0].String()
	case len(certificate.EmailAddresses) > 0:
		s.identity = certificate.EmailAddresses[0]
	}
	for _, e := range certificate.Extensions {
		var text string
		switch {
		case e.Id.Equal(issuerOID):
			_, err = asn1.Unmarshal(e.Value, &text)
			s.issuer = text
		case e.Id.Equal(repositoryOID):
			_, err = asn1.Unmarshal(e.Value, &text)
			s.repository = path(text)
		}
		if err != nil {
			return signer{}, fmt.Errorf("extension %s of its certificate: %w", e.Id, err)
		}
	}
	if s.identity == "" || s.issuer == "" || strings.ContainsAny(s.identity+s.issuer+s.repository, "\r\n") {
		return signer{}, errors.New("its certificate names no identity and issuer")
	}
	return s, nil
}

// path returns the repository that an address on GitHub is below: "octocat/hello"
// of "https://github.com/octocat/hello/.github/workflows/release.yml@refs/heads/main".
func path(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	parts := strings.SplitN(rest, "/", 4)
	if len(parts) < 3 {
		return ""
	}
	return parts[1] + "/" + parts[2]
}
