package sigstore

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/org/release-actions/internal/hint"
)

const (
	payloadType = "application/vnd.in-toto+json"
	noLegacy    = "leave out \"legacy\", or give a signing-config file with a log of majorApiVersion 1 under rekorTlogUrls"
)

// grace is what a signature may take beyond the retries of its requests.
const grace = 30 * time.Second

// Signer signs with one key and one certificate for the process, for as long
// as that is valid, or with a key pair. It asks for the certificate when the
// first signature is made. It may be used by several goroutines.
type Signer struct {
	options  Options
	token    TokenSource
	patience time.Duration
	services services
	versions RekorVersions
	trust    Trust
	pair     *keyPair // nil where it signs keyless
	key      string   // Identity.Key of pair
	guarded  bool     // since nobody chose the public instance: a private repository must not reach it

	mu      sync.Mutex
	current *credential
	gaveUp  error // on a service; nothing more is asked of any
}

// NewSigner returns a signer for the instance that i describes, as the job that
// token speaks for, or with i's key. A call of Sign ends retryFor after it began,
// whatever it waits for; once a service was given up, all other calls end, too.
func NewSigner(ctx context.Context, i Instance, token TokenSource, retryFor time.Duration, o Options) (*Signer, error) {
	s := &Signer{options: o, token: token, patience: retryFor + grace, versions: i.RekorVersions.orDefault(), trust: i.Trust}
	s.guarded = i.SigningConfig == "" && i.Trust.Operator == "" && i.Trust.Operator.or(o.place().Visibility()) == Public
	var err error
	if i.Trust.Key != "" {
		if s.pair, err = newKeyPair(i.Trust.Key, o); err != nil {
			return nil, err
		}
		if s.key, err = fingerprint(s.pair.public); err != nil {
			return nil, err
		}
		s.current = &credential{Keypair: s.pair}
	}
	s.services, err = findServices(ctx, i, o)
	return s, err
}

// Verifier returns a verifier of what s signs.
func (s *Signer) Verifier(ctx context.Context) (*Verifier, error) {
	if s.pair == nil {
		return newVerifier(ctx, s.trust, nil, s.options)
	}
	return newVerifier(ctx, s.trust, s.pair.public, s.options)
}

// Identity returns what Fulcio will certify, by the job's token, or the key.
func (s *Signer) Identity(ctx context.Context) (Identity, error) {
	if s.key != "" {
		return Identity{Key: s.key}, nil
	}
	return JobIdentity(ctx, s.token)
}

var errExpired = errors.New("the certificate expired meanwhile")

// Sign signs an in-toto statement and returns the bundle as JSON: the same bytes
// serve every registry. An error wraps a ServiceError where a service is to
// blame. Nothing is attached to anything.
func (s *Signer) Sign(ctx context.Context, statement []byte) ([]byte, error) {
	return s.sign(ctx, &sign.DSSEData{Data: statement, PayloadType: payloadType}, s.versions)
}

// SignMessage signs payload as it is and returns a bundle as Sign does, with a
// message signature and an entry in a log of version 1: the layouts before
// bundles are made of these.
func (s *Signer) SignMessage(ctx context.Context, payload []byte) ([]byte, error) {
	if err := checkMessage(payload); err != nil {
		return nil, err
	}
	if len(s.services.logs[1]) == 0 {
		return nil, hint.New("a signature of a message needs an entry in a Rekor log of version 1, and the instance has none", noLegacy)
	}
	return s.sign(ctx, &sign.PlainData{Data: payload}, RekorVersions{1})
}

// checkMessage refuses what is signed in the place of a statement, so that no
// signature of one kind is ever one of the other, too.
//
// https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md#signature-definition
func checkMessage(payload []byte) error {
	if bytes.HasPrefix(payload, []byte("DSSEv1 ")) {
		return errors.New("the message is the encoding of a DSSE envelope")
	}
	return nil
}

func (s *Signer) sign(ctx context.Context, content sign.Content, versions RekorVersions) ([]byte, error) {
	if err := s.givenUp(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.patience, fmt.Errorf("gave up after %s", s.patience))
	defer cancel()
	for logged := 0; ; {
		bundle, err := s.signOnce(ctx, content, versions)
		if errors.Is(err, errExpired) && ctx.Err() == nil {
			s.options.log().Info("the certificate expired while a signature waited; asking for another")
			continue
		}
		// The answer to an earlier try was lost. Another signature is another entry,
		// unless the key's are always the same.
		if errors.Is(err, errLogged) && logged < 2 {
			logged++
			continue
		}
		return bundle, s.explain(ctx, err)
	}
}

func (s *Signer) givenUp() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gaveUp
}

func (s *Signer) signOnce(ctx context.Context, content sign.Content, versions RekorVersions) ([]byte, error) {
	c, err := s.credential(ctx)
	if err != nil {
		return nil, err
	}
	options := sign.BundleOptions{TransparencyLogs: []sign.Transparency{s.witnesses(versions)}}
	if c.certificate != nil {
		options.CertificateProvider = c
		// What the log dates after the certificate's end would never verify.
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, c.expires, errExpired)
		defer cancel()
	}
	options.Context = ctx
	signed, err := sign.Bundle(content, c.Keypair, options)
	if err != nil {
		return nil, plain(err)
	}
	text, err := protojson.Marshal(signed)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer // protojson varies its blanks on purpose
	err = json.Compact(&compact, text)
	return compact.Bytes(), err
}

// explain adds the mend to what a service answered, or did not.
func (s *Signer) explain(ctx context.Context, err error) error {
	var failed *ServiceError
	if !errors.As(err, &failed) || errors.Is(context.Cause(ctx), context.Canceled) {
		return err
	}
	refused := failed.Status >= 400 && failed.Status < 500 && failed.Status != http.StatusTooManyRequests
	switch {
	case !refused:
		err = hint.Wrap(err, "run the job again when the service answers (the public instance: https://status.sigstore.dev), or raise retry-for; what is done is kept")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gaveUp = err
		return err
	case errors.Is(err, errLogged):
		return hint.Wrap(err, "use an ECDSA key, whose signatures differ, or \"rekor-version: 1\"")
	case failed.Service == "fulcio":
		return hint.Wrap(err, "Fulcio must accept tokens of the job's issuer: see the signing-config file")
	}
	return err
}

// credential is a key with the certificate that says whose it is, or a key that
// is known as it is.
type credential struct {
	sign.Keypair
	certificate []byte // DER; nil of a key pair
	expires     time.Time
}

// GetCertificate implements sign.CertificateProvider.
func (c *credential) GetCertificate(context.Context, sign.Keypair, *sign.CertificateProviderOptions) ([]byte, error) {
	return c.certificate, nil
}

// Prepare asks for the certificate that the next signature will need, so that it
// need not wait for it. What goes wrong comes again there.
func (s *Signer) Prepare(ctx context.Context) { _, _ = s.credential(ctx) }

// credential returns the one in use, or asks Fulcio for one where there is none
// that is valid for a while.
func (s *Signer) credential(ctx context.Context) (*credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if s.gaveUp != nil {
		return nil, s.gaveUp
	}
	if s.current != nil && (s.current.certificate == nil || time.Now().Before(s.current.expires)) {
		return s.current, nil
	}
	token, err := s.token(ctx, audience)
	if err != nil {
		return nil, err
	}
	if err := s.guard(token.Reveal()); err != nil {
		return nil, err
	}
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, err
	}
	fulcio := sign.NewFulcio(&sign.FulcioOptions{BaseURL: s.services.fulcio, Timeout: -1, Transport: s.client(ctx, "fulcio").Transport})
	asked := time.Now()
	der, err := fulcio.GetCertificate(ctx, key, &sign.CertificateProviderOptions{IDToken: token.Reveal()})
	if err != nil {
		return nil, plain(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("fulcio at %s: %w", s.services.fulcio, err)
	}
	// Counted from the request, so that this machine's clock may be wrong.
	valid := certificate.NotAfter.Sub(certificate.NotBefore)
	s.current = &credential{Keypair: key, certificate: der, expires: asked.Add(valid - valid/20)}
	s.options.log().Info("got a signing certificate", "from", s.services.fulcio, "valid", valid)
	return s.current, nil
}
