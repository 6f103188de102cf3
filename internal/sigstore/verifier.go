package sigstore

import (
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Verifier decides whether bundles were signed by whom they should. It may be
// used by several goroutines.
type Verifier struct {
	trusted  root.TrustedMaterial
	verifier *verify.Verifier
	key      string   // Identity.Key that must have signed; "" where somebody with a certificate must
	other    Operator // whose instance it may be that signed where nobody chose one; "" else
}

// Verified is what a bundle says that was verified.
type Verified struct {
	Statement     []byte // the in-toto statement, as it was signed; nil of a message
	PredicateType string
	Identity      Identity  // of the certificate, or the key
	Source        Source    // of the certificate; zero of a key
	LogIndex      int64     // of the entry in the transparency log; -1 where there is none, as with GitHub's instance
	Time          time.Time // when the log or a timestamp authority saw it
}

// Source is what a certificate says of the run that signed: GitHub's word, by
// the token that Fulcio was shown. In a reusable workflow the identity is that
// workflow's, and only this names the caller. What a certificate leaves out is "".
//
// https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
type Source struct {
	Repository string // its URL
	Ref        string // that started the run: "refs/tags/v1.2.3"
	Commit     string // that Ref was, in hexadecimal digits
	Workflow   string // URL of the run's workflow, and its ref behind an @
	Builder    string // the same of the workflow that the job is in
	Invocation string // URL of the run's attempt
}

func sourceOf(c *certificate.Summary) Source {
	return Source{
		Repository: c.SourceRepositoryURI, Ref: c.SourceRepositoryRef, Commit: c.SourceRepositoryDigest,
		Workflow: c.BuildConfigURI, Builder: c.BuildSignerURI, Invocation: c.RunInvocationURI,
	}
}

// NewVerifier returns a verifier for the instance that t describes.
func NewVerifier(ctx context.Context, t Trust, o Options) (*Verifier, error) {
	var key crypto.PublicKey
	if t.Key != "" {
		var err error
		if key, err = publicKey(t.Key, o); err != nil {
			return nil, err
		}
	}
	return newVerifier(ctx, t, key, o)
}

// newVerifier returns one of signatures by key, or of keyless ones where nil.
func newVerifier(ctx context.Context, t Trust, key crypto.PublicKey, o Options) (*Verifier, error) {
	trusted, err := trustedRoot(ctx, t, o)
	if err != nil {
		return nil, err
	}
	v := &Verifier{trusted: trusted}
	if t.TrustedRoot == "" && t.Operator == "" {
		v.other = map[Operator]Operator{Public: GitHub, GitHub: Public}[t.Operator.or(o.place().Visibility())]
	}
	options := []verify.VerifierOption{verify.WithoutStatementPredicate()}
	// A short-lived certificate needs a time that somebody else vouches for: a
	// log, or an authority where the instance has none, as GitHub's.
	if len(trusted.RekorLogs()) > 0 {
		options = append(options, verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1))
	} else {
		options = append(options, verify.WithSignedTimestamps(1))
	}
	if key != nil {
		return v, v.trust(key, options)
	}
	// An instance without certificate transparency makes certificates without SCTs.
	if len(trusted.CTLogs()) > 0 {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	v.verifier, err = verify.NewVerifier(trusted, options...)
	return v, err
}

// trust makes the verifier one of a key's signatures.
func (v *Verifier) trust(key crypto.PublicKey, options []verify.VerifierOption) error {
	material, err := trustedKey(key)
	if err != nil {
		return err
	}
	v.trusted = root.TrustedMaterialCollection{v.trusted, material}
	if v.key, err = fingerprint(key); err != nil {
		return err
	}
	v.verifier, err = verify.NewVerifier(v.trusted, options...)
	return err
}

// Identity returns who signs in this job: the key that v trusts, or else what
// Fulcio certifies for the job's token.
func (v *Verifier) Identity(ctx context.Context, token TokenSource) (Identity, error) {
	if id, ok := v.Key(); ok {
		return id, nil
	}
	return JobIdentity(ctx, token)
}

// Key returns the identity of the key that v trusts, if it is one of a key.
func (v *Verifier) Key() (id Identity, ok bool) { return Identity{Key: v.key}, v.key != "" }

// Verify checks that text is a bundle, signed by id, of a statement about the
// artifact with digest d. It needs no network: every error is a refusal, and
// says why.
func (v *Verifier) Verify(text []byte, d image.Digest, id Identity) (Verified, error) {
	b, err := parse(text)
	if err != nil {
		return Verified{}, err
	}
	envelope := b.GetDsseEnvelope()
	if envelope == nil {
		return Verified{}, errors.New("the bundle holds no in-toto statement")
	}
	if _, err := image.ParseDigest(string(d)); err != nil {
		return Verified{}, err
	}
	sum, err := hex.DecodeString(d.Hex())
	if err != nil {
		return Verified{}, err
	}
	result, found, err := v.verify(b, verify.WithArtifactDigest("sha256", sum), id)
	if err != nil {
		return Verified{}, err
	}
	found.Statement, found.PredicateType = envelope.GetPayload(), result.Statement.GetPredicateType()
	return found, nil
}

// VerifyMessage checks that text is a bundle with a message signature of
// payload by id, as Verify does for statements.
func (v *Verifier) VerifyMessage(text, payload []byte, id Identity) (Verified, error) {
	b, err := parse(text)
	if err != nil {
		return Verified{}, err
	}
	if b.GetMessageSignature() == nil {
		return Verified{}, errors.New("the bundle holds no message signature")
	}
	if err := checkMessage(payload); err != nil {
		return Verified{}, err
	}
	_, found, err := v.verify(b, verify.WithArtifact(bytes.NewReader(payload)), id)
	return found, err
}

// maxBundle bounds what is parsed: an SBOM in an attestation has a few MB.
const maxBundle = 64 << 20

func parse(text []byte) (*bundle.Bundle, error) {
	if len(text) > maxBundle {
		return nil, fmt.Errorf("not a Sigstore bundle: it has %d bytes, more than %d", len(text), maxBundle)
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("not a Sigstore bundle: %w", err)
	}
	return &b, nil
}

func (v *Verifier) verify(b *bundle.Bundle, artifact verify.ArtifactPolicyOption, id Identity) (*verify.VerificationResult, Verified, error) {
	signer, err := signerPolicy(id)
	if err != nil {
		return nil, Verified{}, err
	}
	switch {
	case id.Key != "" && v.key == "":
		return nil, Verified{}, fmt.Errorf("%s is to have signed, and no key is given", id)
	case id.Key != v.key:
		return nil, Verified{}, fmt.Errorf("%s is to have signed, and %s is given", id, Identity{Key: v.key})
	}
	result, err := v.verifier.Verify(b, verify.NewPolicy(artifact, signer))
	if err != nil {
		return nil, Verified{}, v.describe(b, id, err)
	}
	// One time is enough for the verifier, which passes over others that are false.
	if _, failed, err := verify.VerifySignedTimestamp(b, v.trusted); err != nil || len(failed) > 0 {
		return nil, Verified{}, fmt.Errorf("the bundle has a timestamp that does not verify: %w", errors.Join(append(failed, err)...))
	}
	found := Verified{Identity: id}
	if summary := result.Signature.Certificate; summary != nil {
		found.Identity = Identity{Subject: summary.SubjectAlternativeName, Issuer: summary.Issuer}
		found.Source = sourceOf(summary)
	}
	found.LogIndex, found.Time, err = v.seen(b, result.VerifiedTimestamps)
	return result, found, err
}

// signerPolicy demands the key or the certificate of id.
func signerPolicy(id Identity) (verify.PolicyOption, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if id.Key != "" {
		return verify.WithKey(), nil
	}
	pattern, err := id.pattern()
	if err != nil {
		return nil, err
	}
	certified, err := verify.NewShortCertificateIdentity(id.Issuer, "", id.Subject, pattern)
	return verify.WithCertificateIdentity(certified), err
}

// describe says who signed where it was somebody else, and which other instance
// it may be where it isn't this one that certified it.
func (v *Verifier) describe(b *bundle.Bundle, id Identity, err error) error {
	var mismatch *verify.ErrNoMatchingCertificateIdentity
	if !errors.As(err, &mismatch) {
		if v.other != "" {
			err = hint.Wrap(err, "if another Sigstore instance signed it, set \"sigstore: %s\", or give its \"trusted-root\"", v.other)
		}
		return err
	}
	content, contentErr := b.VerificationContent()
	if contentErr != nil || content.Certificate() == nil {
		return err
	}
	summary, summaryErr := certificate.SummarizeCertificate(content.Certificate())
	if summaryErr != nil {
		return err
	}
	return fmt.Errorf("signed by %s, not by %s", Identity{Subject: summary.SubjectAlternativeName, Issuer: summary.Issuer}, id)
}

// seen returns where the log has the signature, -1 where the instance has no
// log, and the earliest time at which a log or an authority vouches for it.
func (v *Verifier) seen(b *bundle.Bundle, times []verify.TimestampVerificationResult) (int64, time.Time, error) {
	entries, err := b.TlogEntries()
	if err != nil {
		return 0, time.Time{}, err
	}
	earliest := times[0].Timestamp // the verifier demands one
	for _, t := range times {
		if t.Timestamp.Before(earliest) {
			earliest = t.Timestamp
		}
	}
	logs := v.trusted.RekorLogs()
	for _, entry := range entries {
		// Entries of other logs are passed over by the verifier, too.
		if _, known := logs[hex.EncodeToString([]byte(entry.LogKeyID()))]; known {
			return entry.LogIndex(), earliest.UTC(), nil
		}
	}
	return -1, earliest.UTC(), nil
}
