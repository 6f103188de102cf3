package devstack

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// fulcioConfig names GitHub's issuer, and how its claims become extensions of
// a certificate, as the public instance's configuration does.
//
//go:embed fulcio.yaml
var fulcioConfig []byte

// sigstore is a Sigstore of our own: keys made afresh, one address for each service.
type sigstore struct {
	dir  string // of keys and configuration
	from time.Time

	fulcio, rekor, timestamp, ctlog, trillian string    // host:port
	tiles                                     [3]string // Rekor v2, its gRPC and its metrics

	fulcioChain, timestampChain [][]byte         // DER, leaf first, root last
	rekorKey, tilesKey, ctKey   *ecdsa.PublicKey // of the logs
}

// newSigstore makes keys and certificates in dir.
func newSigstore(dir string) (*sigstore, error) {
	addresses, err := freeAddresses(8)
	if err != nil {
		return nil, err
	}
	s := &sigstore{
		dir:    dir,
		from:   time.Now().Add(-time.Hour).UTC().Truncate(time.Second),
		fulcio: addresses[0], rekor: addresses[1], timestamp: addresses[2], ctlog: addresses[3], trillian: addresses[4],
		tiles: [3]string(addresses[5:]),
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ca := &x509.Certificate{KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, MaxPathLen: 1}
	_, fulcioCert, err := s.certify("fulcio", ca, nil, nil)
	if err != nil {
		return nil, err
	}
	s.fulcioChain = [][]byte{fulcioCert.Raw}

	rootKey, root, err := s.certify("timestamp-root", ca, nil, nil)
	if err != nil {
		return nil, err
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return nil, err
	}
	_, leaf, err := s.certify("timestamp", &x509.Certificate{
		KeyUsage: x509.KeyUsageDigitalSignature,
		// id-kp-timeStamping must be the one usage, and critical: RFC 3161, 2.3.
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
	}, root, rootKey)
	if err != nil {
		return nil, err
	}
	s.timestampChain = [][]byte{leaf.Raw, root.Raw}

	for name, key := range map[string]**ecdsa.PublicKey{"rekor": &s.rekorKey, "rekor-tiles": &s.tilesKey, "ctlog": &s.ctKey} {
		private, err := s.newKey(name)
		if err != nil {
			return nil, err
		}
		*key = &private.PublicKey
	}
	return s, s.writeFiles()
}

func (s *sigstore) path(name string) string { return filepath.Join(s.dir, name) }

// newKey makes a key and writes NAME.key in the form that all the services
// read, which is not the same for all: PKCS #8, but SEC 1 for the CT log.
func (s *sigstore) newKey(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	block := &pem.Block{Type: "PRIVATE KEY"}
	if name == "ctlog" {
		block.Type = "EC PRIVATE KEY"
		block.Bytes, err = x509.MarshalECPrivateKey(key)
	} else {
		block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(s.path(name+".key"), pem.EncodeToMemory(block), 0o600)
}

// certify makes a key and a certificate for it by template, signed by the
// parent or by itself.
func (s *sigstore) certify(name string, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := s.newKey(name)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	t := *template
	t.SerialNumber = serial
	t.Subject = pkix.Name{Organization: []string{ownName}, CommonName: "devstack " + name}
	t.NotBefore, t.NotAfter = s.from, s.from.AddDate(0, 1, 0)
	t.BasicConstraintsValid = true
	if parent == nil {
		parent, parentKey = &t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	return key, cert, err
}

func (s *sigstore) writeFiles() error {
	ctKey, err := x509.MarshalPKIXPublicKey(s.ctKey)
	if err != nil {
		return err
	}
	trustedRoot, err := s.trustedRoot()
	if err != nil {
		return err
	}
	signingConfig, err := s.signingConfig(1, 2)
	if err != nil {
		return err
	}
	older, err := s.signingConfig(1)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"fulcio.yaml":            fulcioConfig,
		"fulcio.pem":             encodeChain(s.fulcioChain),
		"timestamp.pem":          encodeChain(s.timestampChain),
		"ctlog.pub":              pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: ctKey}),
		"trusted_root.json":      trustedRoot,
		"signing_config.json":    signingConfig,
		"signing_config.v1.json": older,
	} {
		if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func encodeChain(chain [][]byte) []byte {
	var text bytes.Buffer
	for _, der := range chain {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return text.Bytes()
}

// parts returns the services in the order in which they need each other:
// those of one stage can start at once.
func (s *sigstore) parts(bin string, env []string) [][]*part {
	program := func(name string, ready func(context.Context) error, args ...string) *part {
		return &part{name: name, command: append([]string{filepath.Join(bin, name)}, args...), env: env, ready: ready}
	}
	return [][]*part{
		{
			program("trillian", dials("tcp", s.trillian), "-address="+s.trillian),
			program("ctlog", answers("http://"+s.ctlog+"/healthz"),
				"-address="+s.ctlog, "-origin=ctlog.local", "-roots="+s.path("fulcio.pem"), "-key="+s.path("ctlog.key"), "-dir="+s.path("ctlog")),
			program("timestamp", answers("http://"+s.timestamp+"/ping"),
				"-address="+s.timestamp, "-chain="+s.path("timestamp.pem"), "-key="+s.path("timestamp.key")),
			s.tilesPart(program),
		},
		{
			s.rekorPart(program),
			program("fulcio", answers("http://"+s.fulcio+"/api/v2/configuration"),
				"-address="+s.fulcio, "-config="+s.path("fulcio.yaml"), "-cert="+s.path("fulcio.pem"), "-key="+s.path("fulcio.key"),
				"-ct-log=http://"+s.ctlog, "-ct-log-key="+s.path("ctlog.pub")),
		},
	}
}

// rekorPart is Rekor. Started again, it goes on with the tree that it made at
// first, which is known once it serves.
func (s *sigstore) rekorPart(program func(string, func(context.Context) error, ...string) *part) *part {
	p := program("rekor", nil, "-address="+s.rekor, "-trillian="+s.trillian, "-key="+s.path("rekor.key"))
	known := false
	p.ready = func(ctx context.Context) error {
		var info struct {
			TreeID string `json:"treeID"`
		}
		if err := getJSON(ctx, "http://"+s.rekor+"/api/v1/log", &info); err != nil || known {
			return err
		}
		if _, err := strconv.ParseInt(info.TreeID, 10, 64); err != nil {
			return fmt.Errorf("tree ID of the log: %w", err)
		}
		p.command = append(p.command, "-tree="+info.TreeID)
		known = true
		return nil
	}
	return p
}

// tilesPart is Rekor v2, whose name in its checkpoints must be the host of the
// address that the trusted root gives.
func (s *sigstore) tilesPart(program func(string, func(context.Context) error, ...string) *part) *part {
	host, port, _ := strings.Cut(s.tiles[0], ":")
	_, grpc, _ := strings.Cut(s.tiles[1], ":")
	_, metrics, _ := strings.Cut(s.tiles[2], ":")
	return program("rekor-tiles", answers("http://"+s.tiles[0]+"/healthz"), "serve", "--log-level=warn", "--batch-max-age=20ms", "--checkpoint-interval=100ms",
		"--hostname="+host, "--signer-filepath="+s.path("rekor-tiles.key"), "--storage-dir="+s.path("rekor-tiles"),
		"--http-address="+host, "--http-port="+port, "--http-metrics-port="+metrics, "--grpc-address="+host, "--grpc-port="+grpc)
}

// answers returns a probe for a URL that answers 200.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error { return getJSON(ctx, url, nil) }
}

// direct goes past any proxy of the environment.
var direct = &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}

func getJSON(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := direct.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(body, v)
}
