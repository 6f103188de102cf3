package devstack

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	trust "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

func TestTrustedRootHoldsWhatTheServicesSignWith(t *testing.T) {
	t.Parallel()
	s, err := newSigstore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.path("trusted_root.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root trust.TrustedRoot
	if err := protojson.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	for name, log := range map[string]*trust.TransparencyLogInstance{"rekor": root.GetTlogs()[0], "rekor-tiles": root.GetTlogs()[1], "ctlog": root.GetCtlogs()[0]} {
		der := log.GetPublicKey().GetRawBytes()
		if want := publicKeyOf(t, s.path(name+".key")); string(der) != string(want) {
			t.Errorf("%s: the key is not the service's", name)
		}
		if want := sha256.Sum256(der); string(log.GetLogId().GetKeyId()) != string(want[:]) {
			t.Errorf("%s: the log's ID is not its key's hash", name)
		}
	}
	if got := root.GetCertificateAuthorities()[0].GetCertChain().GetCertificates(); len(got) != 1 || string(got[0].GetRawBytes()) != string(s.fulcioChain[0]) {
		t.Errorf("fulcio: the chain is not the service's")
	}
	authority := root.GetTimestampAuthorities()[0].GetCertChain().GetCertificates()
	if len(authority) != 2 {
		t.Fatalf("the timestamp authority has %d certificates, want leaf and root", len(authority))
	}
	leaf, err := x509.ParseCertificate(authority[0].GetRawBytes())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	anchor, err := x509.ParseCertificate(authority[1].GetRawBytes())
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(anchor)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}); err != nil {
		t.Errorf("the timestamp authority's chain: %v", err)
	}
}

func publicKeyOf(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	var public any
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		public = &key.PublicKey
	} else {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		public = key.(crypto.Signer).Public()
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestSigningConfigNamesTheServices(t *testing.T) {
	t.Parallel()
	s, err := newSigstore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, logs := range map[string][]string{
		"signing_config.json": {"1 http://" + s.rekor, "2 http://" + s.tiles[0]}, "signing_config.v1.json": {"1 http://" + s.rekor},
	} {
		text, err := os.ReadFile(s.path(name))
		if err != nil {
			t.Fatal(err)
		}
		var config trust.SigningConfig
		if err := protojson.Unmarshal(text, &config); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			got  []*trust.Service
			want []string
		}{
			{config.GetCaUrls(), []string{"1 http://" + s.fulcio}}, {config.GetTsaUrls(), []string{"1 " + s.timestampURL()}}, {config.GetRekorTlogUrls(), logs},
		} {
			var got []string
			for _, service := range test.got {
				got = append(got, fmt.Sprint(service.GetMajorApiVersion(), " ", service.GetUrl()))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: services %q, want %q", name, got, test.want)
			}
		}
	}
}

func TestKeysArePrivate(t *testing.T) {
	t.Parallel()
	s, err := newSigstore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(s.path("*.key"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	for _, key := range keys {
		info, err := os.Stat(key)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %o", key, info.Mode().Perm())
		}
	}
}
