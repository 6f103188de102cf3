// Package sigstoretest runs a small Sigstore inside of a test: a certificate
// authority, transparency logs of versions 1 and 2 and two timestamp
// authorities, spoken to over HTTP as the real ones are, with keys of its own.
// Its certificates carry no SCT, as those of an instance without certificate
// transparency.
package sigstoretest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
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
	// Age of certificates when they are made; a second at first.
	Age time.Duration
	// CTLog is a file like TrustedRoot that names a certificate transparency
	// log, too, which the instance's certificates were not sent to.
	CTLog                    string
	Fulcio, Rekor, Timestamp *Service
	// Tiles is the log of version 2. The signing config names it beside Rekor.
	Tiles *Service
	// SecondTimestamp is another operator's authority, which the trusted root
	// names and the signing config does not.
	SecondTimestamp *Service

	rootCert, caCert *x509.Certificate
	rootKey, caKey   *ecdsa.PrivateKey
	rekorKey         *ecdsa.PrivateKey
	logID            []byte
	tiles            *tiles
	authorities      [2]authority

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
	i := &Instance{Lifetime: 10 * time.Minute, Age: time.Second, entries: map[string]json.RawMessage{}}
	i.makeKeys(tb)
	i.Fulcio = serve(tb, i.fulcio())
	i.Rekor = serve(tb, i.rekor())
	i.Tiles = serve(tb, i.tiles.handler())
	i.Timestamp = serve(tb, i.authorities[0].handler())
	i.SecondTimestamp = serve(tb, i.authorities[1].handler())
	i.TrustedRoot = i.WriteTrustedRoot(tb, nil)
	i.CTLog = i.WriteTrustedRoot(tb, func(r *prototrustroot.TrustedRoot) { r.Ctlogs = r.GetTlogs()[:1] })
	i.SigningConfig = i.WriteSigningConfig(tb, 1, 2)
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
	for n := range i.authorities {
		a := authority{}
		var rootKey, caKey *ecdsa.PrivateKey
		a.root, rootKey, err = ca.GenerateRootCa()
		must()
		a.ca, caKey, err = ca.GenerateTSAIntermediate(a.root, rootKey)
		must()
		a.key = newKey(tb)
		a.leaf, err = ca.GenerateTSALeafCert(time.Now().Add(-5*time.Minute), a.key, a.ca, caKey)
		must()
		i.authorities[n] = a
	}
	i.rekorKey = newKey(tb)
	i.logID = logID(tb, i.rekorKey)
	i.tiles = &tiles{i: i, key: newKey(tb)}
	i.tiles.id = logID(tb, i.tiles.key)
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// logID is the hash of a log's key.
//
// https://www.rfc-editor.org/rfc/rfc6962#section-3.2
func logID(tb testing.TB, key *ecdsa.PrivateKey) []byte {
	tb.Helper()
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(public)
	return sum[:]
}
