// Package sigstoretest runs a small Sigstore inside of a test: a certificate
// authority, a transparency log of version 1 and a timestamp authority, spoken
// to over HTTP as the real ones are, with keys of its own. Its certificates
// carry no SCT, as those of an instance without certificate transparency.
package sigstoretest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
)

// Issuer is the OIDC issuer of the instance's certificates.
const Issuer = "https://token.actions.githubusercontent.com"

// Instance is a running Sigstore.
type Instance struct {
	TrustedRoot   string // file
	SigningConfig string // file
	// Lifetime of certificates; ten minutes at first, as Fulcio's.
	Lifetime time.Duration
	// CTLog is a file like TrustedRoot that names a certificate transparency
	// log, too, which the instance's certificates were not sent to.
	CTLog                    string
	Fulcio, Rekor, Timestamp *Service

	rootCert, caCert, tsaCert, tsaCA *x509.Certificate
	rootKey, caKey, tsaKey           *ecdsa.PrivateKey
	rekorKey                         *ecdsa.PrivateKey
	logID                            []byte

	mu      sync.Mutex
	entries map[string]json.RawMessage // UUID to the answer
}

// Service is one of the instance's services, which can be made to fail.
type Service struct {
	URL string

	mu       sync.Mutex
	requests int
	fault    Fault
	real     http.Handler
}

// Fault answers the nth request, counted from 1, in the place of a service,
// whose own answer it can ask for. It returns false where it left the request alone.
type Fault func(n int, w http.ResponseWriter, r *http.Request, real http.Handler) bool

// Answer is the fault of answering every request with status.
func Answer(status int) Fault {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		http.Error(w, "made to fail", status)
		return true
	}
}

// SetFault makes the service fail; nil heals it. The count of requests starts anew.
func (s *Service) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.requests = f, 0
}

// Requests returns how many requests came since SetFault.
func (s *Service) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests++
	n, fault := s.requests, s.fault
	s.mu.Unlock()
	if fault == nil || !fault(n, w, r, s.real) {
		s.real.ServeHTTP(w, r)
	}
}

// New starts an instance that ends with the test.
func New(tb testing.TB) *Instance {
	tb.Helper()
	i := &Instance{Lifetime: 10 * time.Minute, entries: map[string]json.RawMessage{}}
	i.makeKeys(tb)
	i.Fulcio = serve(tb, i.fulcio())
	i.Rekor = serve(tb, i.rekor())
	i.Timestamp = serve(tb, i.timestamp())
	i.TrustedRoot = i.writeTrustedRoot(tb, nil)
	i.CTLog = i.writeTrustedRoot(tb, i.rekorLogs())
	i.SigningConfig = i.WriteSigningConfig(tb, 1)
	return i
}

func serve(tb testing.TB, handler http.Handler) *Service {
	tb.Helper()
	s := &Service{real: handler}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Subject returns the identity that certificates for a token of Token(ref) have.
func Subject(ref string) string { return "https://github.com/" + ref }

func (i *Instance) makeKeys(tb testing.TB) {
	tb.Helper()
	var err error
	must := func() {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	i.rootCert, i.rootKey, err = ca.GenerateRootCa()
	must()
	i.caCert, i.caKey, err = ca.GenerateFulcioIntermediate(i.rootCert, i.rootKey)
	must()
	tsaCA, tsaCAKey, err := ca.GenerateTSAIntermediate(i.rootCert, i.rootKey)
	must()
	i.tsaCA = tsaCA
	i.tsaKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must()
	i.tsaCert, err = ca.GenerateTSALeafCert(time.Now().Add(-5*time.Minute), i.tsaKey, tsaCA, tsaCAKey)
	must()
	i.rekorKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must()
	public, err := x509.MarshalPKIXPublicKey(i.rekorKey.Public())
	must()
	sum := sha256.Sum256(public)
	i.logID = sum[:]
}

func (i *Instance) rekorLogs() map[string]*root.TransparencyLog {
	return map[string]*root.TransparencyLog{hex.EncodeToString(i.logID): {
		BaseURL: i.Rekor.URL, ID: i.logID, HashFunc: crypto.SHA256, SignatureHashFunc: crypto.SHA256,
		PublicKey: i.rekorKey.Public(), ValidityPeriodStart: time.Now().Add(-time.Hour),
	}}
}

func (i *Instance) writeTrustedRoot(tb testing.TB, ctLogs map[string]*root.TransparencyLog) string {
	tb.Helper()
	start := time.Now().Add(-time.Hour)
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{&root.FulcioCertificateAuthority{
			Root: i.rootCert, Intermediates: []*x509.Certificate{i.caCert}, URI: i.Fulcio.URL, ValidityPeriodStart: start,
		}},
		ctLogs,
		[]root.TimestampingAuthority{&root.SigstoreTimestampingAuthority{
			Root: i.rootCert, Intermediates: []*x509.Certificate{i.tsaCA}, Leaf: i.tsaCert, URI: i.Timestamp.URL, ValidityPeriodStart: start,
		}},
		i.rekorLogs())
	if err != nil {
		tb.Fatal(err)
	}
	return write(tb, "trusted_root.json", trusted)
}

// WriteSigningConfig writes a signing config that names the log with the given
// major API versions, and returns the file.
func (i *Instance) WriteSigningConfig(tb testing.TB, versions ...uint32) string {
	tb.Helper()
	at := func(url string, version uint32) root.Service {
		return root.Service{URL: url, MajorAPIVersion: version, ValidityPeriodStart: time.Now().Add(-time.Hour), Operator: "test"}
	}
	var logs []root.Service
	for _, version := range versions {
		logs = append(logs, at(i.Rekor.URL, version))
	}
	anyOne := root.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_ANY}
	config, err := root.NewSigningConfig(root.SigningConfigMediaType02,
		[]root.Service{at(i.Fulcio.URL, 1)}, nil, logs, anyOne, []root.Service{at(i.Timestamp.URL, 1)}, anyOne)
	if err != nil {
		tb.Fatal(err)
	}
	return write(tb, "signing_config.json", config)
}

func write(tb testing.TB, name string, value json.Marshaler) string {
	tb.Helper()
	text, err := value.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
