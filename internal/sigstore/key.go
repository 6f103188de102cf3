package sigstore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/org/release-actions/internal/hint"
)

const (
	passwordVariable = "COSIGN_PASSWORD"
	envScheme        = "env://"
	keyMend          = "give the file that \"cosign generate-key-pair\" writes, or env:// and the variable that holds its text"
	otherKey         = "make a key with \"cosign generate-key-pair\""
)

// maxKey bounds what is read of a key file.
const maxKey = 1 << 20

// readKey returns the PEM block that a key input names, as cosign's --key does.
func readKey(ref string, o Options) (*pem.Block, []byte, error) {
	scheme, name, isURL := strings.Cut(ref, "://")
	var text []byte
	switch {
	case strings.Contains(ref, "-----BEGIN"):
		return nil, nil, hint.New("input \"key\" is the text of a key", "put it into a secret, that into a variable under \"env:\", and write env:// and the variable's name")
	case isURL && scheme+"://" == envScheme:
		if text = []byte(o.place().Secret(name).Reveal()); len(text) == 0 {
			return nil, nil, hint.Wrap(fmt.Errorf("key %q: the variable is empty", ref), "set %s under \"env:\" of the step", name)
		}
	case isURL:
		return nil, nil, hint.Wrap(fmt.Errorf("key %q: keys of %q can't be used", ref, scheme), keyMend)
	default:
		var err error
		if text, err = readFile(ref); err != nil {
			return nil, nil, hint.Wrap(fmt.Errorf("key: %w", err), keyMend)
		}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, nil, hint.Wrap(fmt.Errorf("key %q is not PEM", ref), keyMend)
	}
	return block, text, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxKey {
		return nil, fmt.Errorf("%q has more than %d bytes", path, maxKey)
	}
	return os.ReadFile(path)
}

// publicKey reads the public key of a pair, of which ref may be either.
func publicKey(ref string, o Options) (crypto.PublicKey, error) {
	block, text, err := readKey(ref, o)
	if err != nil {
		return nil, err
	}
	if block.Type != string(cryptoutils.PublicKeyPEMType) {
		private, err := privateKey(ref, o)
		if err != nil {
			return nil, err
		}
		return private.PublicKey()
	}
	key, err := cryptoutils.UnmarshalPEMToPublicKey(text)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("key %q: %w", ref, err), keyMend)
	}
	return key, nil
}

// privateKey reads a private key, which cosign encrypts.
//
// https://docs.sigstore.dev/cosign/key_management/signing_with_self-managed_keys/
func privateKey(ref string, o Options) (signature.SignerVerifier, error) {
	block, text, err := readKey(ref, o)
	if err != nil {
		return nil, err
	}
	if block.Type == string(cryptoutils.PublicKeyPEMType) {
		return nil, hint.Wrap(fmt.Errorf("key %q is a public key, which verifies and does not sign", ref), "give the private key of the pair, cosign.key")
	}
	key, err := cryptoutils.UnmarshalPEMToPrivateKey(text, func(bool) ([]byte, error) {
		return []byte(o.place().Secret(passwordVariable).Reveal()), nil
	})
	if err != nil && strings.HasPrefix(block.Type, "ENCRYPTED ") {
		return nil, hint.Wrap(fmt.Errorf("key %q can't be decrypted: %w", ref, err), "set %s under \"env:\" of the step", passwordVariable)
	}
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("key %q: %w", ref, err), keyMend)
	}
	signer, err := signature.LoadDefaultSignerVerifier(key)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("key %q: %w", ref, err), otherKey)
	}
	return signer, nil
}

// fingerprint returns a public key's Identity.Key.
func fingerprint(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:]), err
}

// trustedKey returns material that trusts one key, for ever and whatever a
// bundle says by way of a hint.
func trustedKey(key crypto.PublicKey) (root.TrustedMaterial, error) {
	verifier, err := signature.LoadDefaultVerifier(key, options.WithED25519ph())
	if err != nil {
		return nil, err
	}
	expiring := root.NewExpiringKey(verifier, time.Time{}, time.Time{})
	return root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) { return expiring, nil }), nil
}

// keyPair signs with a key that is kept.
type keyPair struct {
	signature.SignerVerifier
	public  crypto.PublicKey
	details signature.AlgorithmDetails
}

func newKeyPair(ref string, o Options) (*keyPair, error) {
	signer, err := privateKey(ref, o)
	if err != nil {
		return nil, err
	}
	public, err := signer.PublicKey()
	if err != nil {
		return nil, err
	}
	details, err := signature.GetDefaultAlgorithmDetails(public)
	if err == nil && details.GetHashType() != crypto.SHA256 {
		err = errors.New("a Rekor log of version 1 takes signatures of P-256 and RSA keys only")
	}
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("key %q: %w", ref, err), otherKey)
	}
	return &keyPair{signer, public, details}, nil
}

// The methods of sign.Keypair.

func (k *keyPair) GetHashAlgorithm() protocommon.HashAlgorithm { return k.details.GetProtoHashType() }
func (k *keyPair) GetSigningAlgorithm() protocommon.PublicKeyDetails {
	return k.details.GetSignatureAlgorithm()
}
func (k *keyPair) GetPublicKey() crypto.PublicKey { return k.public }

// GetKeyAlgorithm is for requests to Fulcio, which certifies no such key.
func (k *keyPair) GetKeyAlgorithm() string { return "" }

// GetHint is cosign 3's: the hash of the public key.
func (k *keyPair) GetHint() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(der)
	return []byte(base64.StdEncoding.EncodeToString(sum[:]))
}

func (k *keyPair) GetPublicKeyPem() (string, error) {
	text, err := cryptoutils.MarshalPublicKeyToPEM(k.public)
	return string(text), err
}

// SignData returns the signature and the digest that is signed.
func (k *keyPair) SignData(ctx context.Context, data []byte) ([]byte, []byte, error) {
	hash := k.details.GetHashType().New()
	hash.Write(data)
	signed, err := k.SignMessage(bytes.NewReader(data), options.WithContext(ctx))
	return signed, hash.Sum(nil), err
}
