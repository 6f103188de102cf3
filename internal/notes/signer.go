package notes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/markdown"
)

// Signer is who signed the image, and what there is of it.
type Signer struct {
	// Identity is what the certificate says: the workflow and its ref. Empty of a key.
	Identity string
	// Issuer is who vouches for that identity.
	Issuer string
	// Repository is the repository whose run signed, octocat/hello, where the identity is not
	// of that repository: it is a reusable workflow's. Else empty.
	Repository string
	// Key is the SHA-256 of the public key, in hex, where a key pair signed.
	Key string
	// TrustedRoot is the name of the file with the keys of a private Sigstore; else empty.
	TrustedRoot string
	// GitHub is whether GitHub's own Sigstore certified it, which logs nothing.
	GitHub bool
	// AtGitHub is whether GitHub keeps the attestations, too.
	AtGitHub bool
	// Timestamps is whether only timestamps say when it was signed, and no log of version 1.
	Timestamps bool
	// Kinds are what there is of the index, or of the image where there is none: signature, spdx, cdx, provenance.
	Kinds []string
	// Subjects are the index and the image of each platform, with what was signed of them.
	Subjects []Subject
}

// Columns returns the kinds of evidence that there are of any subject, in the page's order.
func (s Signer) Columns() []string {
	var columns []string
	for _, subject := range s.Subjects {
		for _, e := range subject.Evidence {
			if !slices.Contains(columns, e.Kind) {
				columns = append(columns, e.Kind)
			}
		}
	}
	Sort(columns)
	return columns
}

// Subject is a manifest that things were signed of.
type Subject struct {
	// Name is the platform, or index.
	Name string
	// Digest is that of the manifest.
	Digest image.Digest
	// Evidence is what was signed, of each kind.
	Evidence []Evidence
}

// Evidence is a signature or an attestation.
type Evidence struct {
	// Kind is signature, spdx, cdx, provenance, or the type of another predicate.
	Kind string
	// File is the name of the file with the bundle; empty where it isn't released.
	File string
	// LogIndex is where the log has it, if it has a page there.
	LogIndex int64
	// Log is the page of that entry; empty where there is none, as with a private Sigstore.
	Log string
}

// Of returns the evidence of a kind, nothing of it where there is none.
func (s Subject) Of(kind string) Evidence {
	if i := slices.IndexFunc(s.Evidence, func(e Evidence) bool { return e.Kind == kind }); i >= 0 {
		return s.Evidence[i]
	}
	return Evidence{}
}

// Kinds of evidence.
const (
	Signature  = "signature"
	SPDX       = "spdx"
	CycloneDX  = "cdx"
	Provenance = "provenance"
	Report     = "vuln"
)

// kinds are what people, cosign and our verify call each kind. A kind that isn't
// here is the type of a predicate, which all of them take as it is.
var kinds = map[string]struct{ title, cosign, verify string }{
	Signature:  {title: "signature"},
	SPDX:       {"SPDX", "spdxjson", "spdx"},
	CycloneDX:  {"CycloneDX", "cyclonedx", "cyclonedx"},
	Provenance: {"provenance", "slsaprovenance1", "provenance"},
	Report:     {"vulnerabilities", "vuln", "vuln"},
}

// order is the order of kinds on the page.
var order = []string{Signature, SPDX, CycloneDX, Provenance, Report}

// Sort puts kinds in the order of the page: the signature, SBOMs, provenance, others.
func Sort(kinds []string) {
	rank := func(kind string) int {
		if n := slices.Index(order, kind); n >= 0 {
			return n
		}
		return len(order)
	}
	slices.SortStableFunc(kinds, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
}

// title is what people call a kind.
func title(kind string) string {
	if k, ok := kinds[kind]; ok {
		return k.title
	}
	return markdown.Code(kind)
}

// PublicKey is the file with the public key of a pair that cosign makes.
const PublicKey = "cosign.pub"

// defaultIssuer is who vouches for identities where nothing else is said.
const defaultIssuer = "https://token.actions.githubusercontent.com"

// cosign returns the command of cosign that verifies evidence of a kind.
func (r Release) cosign(kind string, i Image) string {
	s := r.Signer
	first, rest := "cosign verify", ""
	if kind != Signature {
		name := kind
		if k, known := kinds[kind]; known {
			name = k.cosign
		}
		// It prints all that is attested.
		first, rest = "cosign verify-attestation --type "+quote(name), " > /dev/null"
	}
	lines := []string{first}
	if s.TrustedRoot != "" {
		lines = append(lines, "--trusted-root "+quote(s.TrustedRoot))
	}
	if s.Timestamps {
		lines = append(lines, "--use-signed-timestamps")
	}
	if s.Key != "" {
		lines = append(lines, "--key "+PublicKey)
	} else {
		// The exact identity: a pattern could match another repository's, too.
		lines = append(lines, "--certificate-identity "+quote(s.Identity), "--certificate-oidc-issuer "+quote(s.Issuer))
	}
	if s.Repository != "" {
		lines = append(lines, "--certificate-github-workflow-repository "+quote(s.Repository))
	}
	return command(append(lines, i.Pinned.String()+rest))
}

// Commands are what verifies the image in one registry, for people to paste.
type Commands struct {
	// Cosign are cosign's: of the signature, and of each attestation. Nothing where it has not the keys.
	Cosign []string
	// GitHub is that of GitHub's command line, of the provenance; empty where GitHub doesn't vouch for it.
	GitHub string
}

// Commands returns what verifies an image in its registry; nothing where nobody signed.
func (r Release) Commands(image Image) *Commands {
	if r.Signer == nil {
		return nil
	}
	c := Commands{GitHub: r.gitHub(image)}
	if !r.Signer.GitHub {
		for _, kind := range r.Signer.Kinds {
			c.Cosign = append(c.Cosign, r.cosign(kind, image))
		}
	}
	if len(c.Cosign) == 0 && c.GitHub == "" {
		return nil
	}
	return &c
}

// gitHub returns the command of GitHub's command line that verifies the provenance,
// where GitHub keeps it or its own Sigstore certified it.
func (r Release) gitHub(i Image) string {
	s := r.Signer
	if s.Key != "" || !slices.Contains(s.Kinds, Provenance) || !s.AtGitHub && !s.GitHub {
		return ""
	}
	lines := []string{"gh attestation verify oci://" + i.Pinned.String(), "--repo " + quote(r.Repository), "--cert-identity " + quote(s.Identity)}
	if !s.AtGitHub {
		lines = append(lines, "--bundle-from-oci")
	}
	if s.Issuer != defaultIssuer {
		lines = append(lines, "--cert-oidc-issuer "+quote(s.Issuer))
	}
	if s.TrustedRoot != "" {
		// gh takes roots that are in one line each.
		lines = append(lines, fmt.Sprintf("--custom-trusted-root <(tr -d '\\n' < %s; echo)", quote(s.TrustedRoot)))
	}
	return command(lines)
}

// Verify returns the command of our verify, which checks all platforms in all registries at once; empty without a signature.
func (r Release) Verify() string {
	s := r.Signer
	if s == nil || !slices.Contains(s.Kinds, Signature) {
		return ""
	}
	lines := []string{"verify"}
	if s.Key != "" {
		lines = append(lines, "-key "+PublicKey)
	} else {
		lines = append(lines, "-certificate-identity "+quote(s.Identity))
		if s.Issuer != defaultIssuer {
			lines = append(lines, "-certificate-oidc-issuer "+quote(s.Issuer))
		}
		if s.Repository != "" {
			lines = append(lines, "-repository "+quote(s.Repository))
		}
	}
	switch {
	case s.TrustedRoot != "":
		lines = append(lines, "-trusted-root "+quote(s.TrustedRoot))
	case s.GitHub:
		lines = append(lines, "-sigstore github")
	}
	var wanted, platforms []string
	for _, kind := range s.Kinds {
		if k, known := kinds[kind]; !known {
			wanted = append(wanted, kind)
		} else if kind != Signature {
			wanted = append(wanted, k.verify)
		}
	}
	if len(wanted) == 0 {
		wanted = []string{"none"}
	}
	if attested := strings.Join(wanted, ","); attested != "spdx,cyclonedx,provenance" {
		lines = append(lines, "-attestations "+quote(attested))
	}
	for _, p := range r.Platforms {
		platforms = append(platforms, p.Platform.String())
	}
	lines = append(lines, "-platforms "+quote(strings.Join(platforms, ",")))
	for _, i := range r.Images {
		lines = append(lines, i.Pinned.String())
	}
	return command(lines)
}
