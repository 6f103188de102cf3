package sigstore

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/org/release-actions/internal/hint"
)

const payloadType = "application/vnd.in-toto+json"

// grace is what a signature may take beyond the retries of its requests.
const grace = 30 * time.Second

// Signer signs with one key and one certificate for the process, for as long
// as that is valid. It asks for the certificate when the first signature is
// made. It may be used by several goroutines.
type Signer struct {
	options  Options
	token    TokenSource
	patience time.Duration
	services services

	mu      sync.Mutex
	current *credential
}

// services are the addresses of an instance.
type services struct{ fulcio, rekor, timestamp string }

// NewSigner returns a signer for the instance that the file config describes,
// the public one where "", as the job that token speaks for.
// Each call of Sign ends retryFor after it began, whatever it waits for.
func NewSigner(ctx context.Context, config string, token TokenSource, retryFor time.Duration, o Options) (*Signer, error) {
	described, err := signingConfig(ctx, config, o)
	if err != nil {
		return nil, err
	}
	found, err := selectServices(described, time.Now())
	if err != nil {
		return nil, err
	}
	return &Signer{options: o, token: token, patience: retryFor + grace, services: found}, nil
}

// selectServices takes a Rekor of version 1, whose entries carry a signed time:
// entries of version 2 do not, and cosign 2 refuses a bundle that has only those.
func selectServices(config *root.SigningConfig, now time.Time) (services, error) {
	fulcio, err := root.SelectService(config.FulcioCertificateAuthorityURLs(), sign.FulcioAPIVersions, now)
	if err != nil {
		return services{}, hint.Wrap(errors.New("the signing config names no Fulcio of version 1 that is valid now"),
			"add it under caUrls, or see its validFor")
	}
	logs := config.RekorLogURLs()
	rekor, err := root.SelectService(logs, []uint32{1}, now)
	if err != nil {
		err := errors.New("the signing config names no Rekor log of version 1 that is valid now")
		if slices.ContainsFunc(logs, func(s root.Service) bool { return s.MajorAPIVersion > 1 }) {
			err = errors.New("the signing config names only Rekor logs of version 2, whose signatures cosign 2 refuses")
		}
		return services{}, hint.Wrap(err, "give a signing-config file with a log of majorApiVersion 1 under rekorTlogUrls; "+
			"the public instance's is https://rekor.sigstore.dev")
	}
	found := services{fulcio: fulcio.URL, rekor: rekor.URL}
	// Without an authority the log's own time is the only one, which suffices.
	if authority, err := root.SelectService(config.TimestampAuthorityURLs(), sign.TimestampAuthorityAPIVersions, now); err == nil {
		found.timestamp = authority.URL
	}
	return found, nil
}

// Identity returns what Fulcio will certify, by the job's token.
func (s *Signer) Identity(ctx context.Context) (Identity, error) {
	return JobIdentity(ctx, s.token)
}

var errExpired = errors.New("the certificate expired meanwhile")

// Sign signs an in-toto statement and returns the bundle as JSON: the same bytes
// serve every registry. An error wraps a ServiceError where a service is to
// blame. Nothing is attached to anything.
func (s *Signer) Sign(ctx context.Context, statement []byte) ([]byte, error) {
	return s.sign(ctx, &sign.DSSEData{Data: statement, PayloadType: payloadType})
}

// SignMessage signs payload as it is and returns a bundle as Sign does, with a
// message signature, which the layouts before bundles are made of.
func (s *Signer) SignMessage(ctx context.Context, payload []byte) ([]byte, error) {
	if err := checkMessage(payload); err != nil {
		return nil, err
	}
	return s.sign(ctx, &sign.PlainData{Data: payload})
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

func (s *Signer) sign(ctx context.Context, content sign.Content) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.patience, fmt.Errorf("gave up after %s", s.patience))
	defer cancel()
	for {
		bundle, err := s.signOnce(ctx, content)
		if errors.Is(err, errExpired) && ctx.Err() == nil {
			s.options.log().Info("the certificate expired while a signature waited; asking for another")
			continue
		}
		return bundle, s.explain(ctx, err)
	}
}

func (s *Signer) signOnce(ctx context.Context, content sign.Content) ([]byte, error) {
	c, err := s.credential(ctx)
	if err != nil {
		return nil, err
	}
	// What the log dates after the certificate's end would never verify.
	ctx, cancel := context.WithDeadlineCause(ctx, c.expires, errExpired)
	defer cancel()
	options := sign.BundleOptions{
		Context:             ctx,
		CertificateProvider: c,
		// One for each signature: it changes its own options without a lock.
		TransparencyLogs: []sign.Transparency{sign.NewRekor(&sign.RekorOptions{
			BaseURL: s.services.rekor,
			Version: 1,
			Client:  &rekor{ctx: ctx, base: s.services.rekor, client: s.client(ctx, "rekor")},
		})},
	}
	if s.services.timestamp != "" {
		options.TimestampAuthorities = []*sign.TimestampAuthority{sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{
			URL: s.services.timestamp, Timeout: -1, Transport: s.client(ctx, "timestamp authority").Transport,
		})}
	}
	signed, err := sign.Bundle(content, c.EphemeralKeypair, options)
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
		return hint.Wrap(err, "run the job again when the service answers (the public instance: https://status.sigstore.dev), or raise retry-for; what is done is kept")
	case failed.Service == "fulcio":
		return hint.Wrap(err, "Fulcio must accept tokens of the job's issuer: see the signing-config file")
	}
	return err
}

// credential is a key with the certificate that says whose it is.
type credential struct {
	*sign.EphemeralKeypair
	certificate []byte // DER
	expires     time.Time
}

// GetCertificate implements sign.CertificateProvider.
func (c *credential) GetCertificate(context.Context, sign.Keypair, *sign.CertificateProviderOptions) ([]byte, error) {
	return c.certificate, nil
}

// credential returns the one in use, or asks Fulcio for one where there is none
// that is valid for a while.
func (s *Signer) credential(ctx context.Context) (*credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if s.current != nil && time.Now().Before(s.current.expires) {
		return s.current, nil
	}
	token, err := s.token(ctx, audience)
	if err != nil {
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
	s.current = &credential{EphemeralKeypair: key, certificate: der, expires: asked.Add(valid - valid/20)}
	s.options.log().Info("got a signing certificate", "from", s.services.fulcio, "valid", valid)
	return s.current, nil
}
