package sigstore_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

const password = "correct horse"

// pair is a key pair in files, as cosign generate-key-pair writes it.
type pair struct {
	private, public string // files
	text            string // of the private key
	id              sigstore.Identity
	hint            string
}

func newPair(tb testing.TB, generate func(cryptoutils.PassFunc) (private, public []byte, err error)) pair {
	tb.Helper()
	private, public, err := generate(func(bool) ([]byte, error) { return []byte(password), nil })
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	p := pair{private: filepath.Join(dir, "cosign.key"), public: filepath.Join(dir, "cosign.pub"), text: string(private)}
	for path, text := range map[string][]byte{p.private: private, p.public: public} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	block, _ := pem.Decode(public)
	sum := sha256.Sum256(block.Bytes)
	p.id = sigstore.Identity{Key: "sha256:" + hex.EncodeToString(sum[:])}
	p.hint = base64.StdEncoding.EncodeToString(sum[:])
	return p
}

func ecdsaPair(tb testing.TB, curve elliptic.Curve) pair {
	tb.Helper()
	return newPair(tb, func(pf cryptoutils.PassFunc) ([]byte, []byte, error) {
		return cryptoutils.GeneratePEMEncodedECDSAKeyPair(curve, pf)
	})
}

// place is where the pair's password is known.
func (p pair) place() place { return place{env: map[string]string{"COSIGN_PASSWORD": password}} }

func noToken(context.Context, string) (secret.String, error) {
	return secret.String{}, errors.New("a token is asked for")
}

func verifierOf(tb testing.TB, trust sigstore.Trust, p place) *sigstore.Verifier {
	tb.Helper()
	v, err := sigstore.NewVerifier(tb.Context(), trust, sigstore.Options{Place: p})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestAKeyPairSigns(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	for name, generate := range map[string]func(cryptoutils.PassFunc) ([]byte, []byte, error){
		"as cosign makes it": func(pf cryptoutils.PassFunc) ([]byte, []byte, error) {
			return cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), pf)
		},
		"RSA": func(pf cryptoutils.PassFunc) ([]byte, []byte, error) {
			return cryptoutils.GeneratePEMEncodedRSAKeyPair(2048, pf)
		},
		"not encrypted": func(cryptoutils.PassFunc) ([]byte, []byte, error) {
			return cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), nil)
		},
		"of an old cosign": func(pf cryptoutils.PassFunc) ([]byte, []byte, error) {
			private, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), pf)
			return []byte(strings.ReplaceAll(string(private), "ENCRYPTED SIGSTORE", "ENCRYPTED COSIGN")), public, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, generate)
			instance := sigstore.Instance{SigningConfig: i.SigningConfig, Trust: sigstore.Trust{Key: p.private}, RekorVersions: sigstore.RekorVersions{1, 2}}
			s, err := sigstore.NewSigner(t.Context(), instance, noToken, time.Second, sigstore.Options{Place: p.place()})
			if err != nil {
				t.Fatal(err)
			}
			if id, err := s.Identity(t.Context()); err != nil || id != p.id {
				t.Errorf("identity %v, %v", id, err)
			}
			signed, err := s.Sign(t.Context(), statement(digest))
			if err != nil {
				t.Fatal(err)
			}
			message, err := s.SignMessage(t.Context(), []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{p.public, p.private} {
				v := verifierOf(t, sigstore.Trust{TrustedRoot: i.TrustedRoot, Key: key}, p.place())
				if id, err := v.Identity(t.Context(), noToken); err != nil || id != p.id {
					t.Errorf("identity %v, %v", id, err)
				}
				got, err := v.Verify(signed, digest, p.id)
				if err != nil || got.Identity != p.id || got.LogIndex < 1000 || time.Since(got.Time) > time.Minute {
					t.Errorf("with %s: %+v, %v", filepath.Base(key), got, err)
				}
				if got, err := v.VerifyMessage(message, []byte("x"), p.id); err != nil || got.Identity != p.id {
					t.Errorf("a message with %s: %+v, %v", filepath.Base(key), got, err)
				}
			}
			if got := witnesses(t, signed); got != "dsse 0.0.1, hashedrekord 0.0.2, timestamp" {
				t.Errorf("got %s", got)
			}
			var b struct {
				VerificationMaterial struct{ PublicKey struct{ Hint string } }
			}
			if err := json.Unmarshal(signed, &b); err != nil || b.VerificationMaterial.PublicKey.Hint != p.hint {
				t.Errorf("hint %q, want %q; %v", b.VerificationMaterial.PublicKey.Hint, p.hint, err)
			}
		})
	}
	if i.Fulcio.Requests() != 0 {
		t.Error("fulcio was asked")
	}
}

func TestOfAKeyAndOfACertificateAreApart(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	p, q := ecdsaPair(t, elliptic.P256()), ecdsaPair(t, elliptic.P256())
	keyed := func(p pair) *sigstore.Verifier {
		return verifierOf(t, sigstore.Trust{TrustedRoot: i.TrustedRoot, Key: p.public}, place{})
	}
	s := newSignerOf(t, sigstore.Instance{SigningConfig: i.SigningConfig, Trust: sigstore.Trust{Key: p.private}}, time.Second, p.place())
	byKey, err := s.Sign(t.Context(), statement(digest))
	if err != nil {
		t.Fatal(err)
	}
	byCertificate := sign(t, i, digest)
	for name, test := range map[string]struct {
		v    *sigstore.Verifier
		text []byte
		id   sigstore.Identity
		want string
	}{
		"another key":                        {keyed(q), byKey, q.id, "log"},
		"a key that isn't given":             {keyed(q), byKey, p.id, "is given"},
		"no key is given":                    {newVerifier(t, i.TrustedRoot), byKey, p.id, "no key is given"},
		"a key's for a certificate's":        {newVerifier(t, i.TrustedRoot), byKey, identity, "certificate"},
		"a certificate's for a key's":        {keyed(p), byCertificate, p.id, "certificate"},
		"a certificate's where a key is":     {keyed(p), byCertificate, identity, "is given"},
		"a key and a certificate's identity": {keyed(p), byKey, sigstore.Identity{Key: p.id.Key, Issuer: identity.Issuer}, "either"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := test.v.Verify(test.text, digest, test.id); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestKeysAreReadFromWhereCosignReadsThem(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	p := ecdsaPair(t, elliptic.P256())
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	marshalled := func(key crypto.PrivateKey) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	env := func(values ...string) place {
		e := place{env: map[string]string{}}
		for n := 0; n < len(values); n += 2 {
			e.env[values[n]] = values[n+1]
		}
		return e
	}
	for name, test := range map[string]struct {
		key       string
		place     place
		want, fix string
	}{
		"a variable":         {"env://SIGNING_KEY", env("SIGNING_KEY", p.text, "COSIGN_PASSWORD", password), "", ""},
		"no variable":        {"env://SIGNING_KEY", env(), "the variable is empty", "SIGNING_KEY"},
		"a wrong password":   {p.private, env("COSIGN_PASSWORD", "s3cret"), "can't be decrypted", "COSIGN_PASSWORD"},
		"no password":        {p.private, env(), "can't be decrypted", "COSIGN_PASSWORD"},
		"the public key":     {p.public, p.place(), "is a public key", "cosign.key"},
		"the text itself":    {p.text, p.place(), "is the text of a key", "env://"},
		"no file":            {filepath.Join(dir, "none"), p.place(), "no such file", "cosign generate-key-pair"},
		"a folder":           {dir, p.place(), "is a directory", "cosign generate-key-pair"},
		"a service for keys": {"awskms:///alias/release", p.place(), `keys of "awskms" can't be used`, "env://"},
		"no PEM":             {file("text", "hello"), p.place(), "is not PEM", "cosign generate-key-pair"},
		"too long a file":    {file("long", strings.Repeat("x", 2<<20)), p.place(), "more than", "cosign generate-key-pair"},
		"a certificate":      {file("cert", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), p.place(), "key", "cosign generate-key-pair"},
		"a broken key":       {file("broken", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"), p.place(), "key", "cosign generate-key-pair"},
		"Ed25519":            {file("ed25519", marshalled(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))), p.place(), "P-256", "cosign generate-key-pair"},
		"P-384":              {ecdsaPair(t, elliptic.P384()).private, p.place(), "P-256", "cosign generate-key-pair"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			instance := sigstore.Instance{SigningConfig: i.SigningConfig, Trust: sigstore.Trust{Key: test.key}}
			_, err := sigstore.NewSigner(t.Context(), instance, noToken, 0, sigstore.Options{Place: test.place})
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), ""), test.fix) {
				t.Errorf("got %v, mends %q", err, hint.Of(err))
			} else if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "BEGIN") {
				t.Errorf("it shows a secret: %v", err)
			}
		})
	}
}
