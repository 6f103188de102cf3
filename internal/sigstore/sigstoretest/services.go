package sigstoretest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/go-openapi/runtime"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"

	// The kinds of entries that the log takes.
	_ "github.com/sigstore/rekor/pkg/types/dsse/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/hashedrekord/v0.0.1"
)

func handle(status int, f func(r *http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := f(r)
		var exists *conflict
		switch {
		case errors.As(err, &exists):
			w.Header().Set("Location", "/api/v1/log/entries/"+exists.id)
			w.WriteHeader(http.StatusConflict)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			w.WriteHeader(status)
			_, _ = w.Write(answer)
		}
	}
}

func (i *Instance) fulcio() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /api/v2/signingCert", handle(http.StatusOK, i.certify))
	return mux
}

// certify checks no token: whoever asks is who they say they are.
func (i *Instance) certify(r *http.Request) ([]byte, error) {
	var asked struct {
		PublicKeyRequest struct {
			PublicKey struct{ Content string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(asked.PublicKeyRequest.PublicKey.Content))
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if block == nil || len(parts) != 3 {
		return nil, errors.New("no key or no token")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	workflow, _ := claims["job_workflow_ref"].(string)
	subject, err := url.Parse(Subject(workflow))
	if err != nil {
		return nil, err
	}
	said, err := extensions(claims)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	start := time.Now().Add(-i.Age)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, URIs: []*url.URL{subject}, NotBefore: start, NotAfter: start.Add(i.Lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: said,
	}, i.caCert, key, i.caKey)
	if err != nil {
		return nil, err
	}
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return json.Marshal(map[string]any{"signedCertificateDetachedSct": map[string]any{"chain": map[string]any{"certificates": []string{certificate}}}})
}

type conflict struct{ id string }

func (*conflict) Error() string { return "an equivalent entry exists" }

func (i *Instance) rekor() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /api/v1/log/entries", handle(http.StatusCreated, i.enter))
	mux.Handle("GET /api/v1/log/entries/{id}", handle(http.StatusOK, func(r *http.Request) ([]byte, error) {
		i.mu.Lock()
		defer i.mu.Unlock()
		answer, ok := i.entries[r.PathValue("id")]
		if !ok {
			return nil, errors.New("no such entry")
		}
		return answer, nil
	}))
	return mux
}

// enter puts an entry into the log. Each is alone in a tree of its own.
func (i *Instance) enter(r *http.Request) ([]byte, error) {
	proposed, err := models.UnmarshalProposedEntry(r.Body, runtime.JSONConsumer())
	if err != nil {
		return nil, err
	}
	entry, err := types.CreateVersionedEntry(proposed)
	if err != nil {
		return nil, err
	}
	body, err := types.CanonicalizeEntry(r.Context(), entry)
	if err != nil {
		return nil, err
	}
	leaf := sha256.Sum256(append([]byte{0}, body...))
	id := hex.EncodeToString(leaf[:])
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, ok := i.entries[id]; ok {
		return nil, &conflict{id}
	}
	index := int64(len(i.entries) + 1000)
	answer, err := i.answer(r.Context(), id, body, leaf[:], index)
	i.entries[id] = answer
	return answer, err
}

// Entries returns how many entries the log has.
func (i *Instance) Entries() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.entries)
}

func (i *Instance) answer(ctx context.Context, id string, body, leaf []byte, index int64) ([]byte, error) {
	now, logID := time.Now().Unix(), hex.EncodeToString(i.logID)
	// The names are in the order that RFC 8785 gives them.
	promised, err := json.Marshal(struct {
		Body           []byte `json:"body"`
		IntegratedTime int64  `json:"integratedTime"`
		LogID          string `json:"logID"`
		LogIndex       int64  `json:"logIndex"`
	}{body, now, logID, index})
	if err != nil {
		return nil, err
	}
	signer, err := signature.LoadECDSASignerVerifier(i.rekorKey, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	promise, err := signer.SignMessage(bytes.NewReader(promised))
	if err != nil {
		return nil, err
	}
	checkpoint, err := util.CreateAndSignCheckpoint(ctx, "rekor.test", 1, 1, leaf, signer)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{id: map[string]any{
		"body": body, "integratedTime": now, "logID": logID, "logIndex": index,
		"verification": map[string]any{
			"signedEntryTimestamp": promise,
			"inclusionProof": map[string]any{
				"treeSize": 1, "logIndex": 0, "rootHash": hex.EncodeToString(leaf), "hashes": []string{}, "checkpoint": string(checkpoint),
			},
		},
	}})
}

// authority is a timestamp authority.
type authority struct {
	root, ca, leaf *x509.Certificate
	key            *ecdsa.PrivateKey
}

func (a authority) handler() http.Handler {
	return handle(http.StatusCreated, func(r *http.Request) ([]byte, error) {
		query, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		asked, err := timestamp.ParseRequest(query)
		if err != nil {
			return nil, err
		}
		stamp := timestamp.Timestamp{
			HashAlgorithm: asked.HashAlgorithm, HashedMessage: asked.HashedMessage, Time: time.Now(),
			Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, Nonce: asked.Nonce, AddTSACertificate: asked.Certificates,
		}
		return stamp.CreateResponseWithOpts(a.leaf, a.key, crypto.SHA256)
	})
}
