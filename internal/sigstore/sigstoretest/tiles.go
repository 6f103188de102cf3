package sigstoretest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"
	signednote "golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"
)

// tiles is a log of version 2, with a key of its own. As in the log of version
// 1, each entry is alone in a tree.
type tiles struct {
	i   *Instance
	key *ecdsa.PrivateKey
	id  []byte
}

func (t *tiles) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /api/v2/log/entries", handle(http.StatusCreated, t.enter))
	return mux
}

func (t *tiles) enter(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var asked rekortiles.CreateEntryRequest
	if err := protojson.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	request := asked.GetHashedRekordRequestV002()
	if request == nil {
		return nil, errors.New("not a hashedrekord")
	}
	algorithms, err := signature.NewAlgorithmRegistryConfig([]protocommon.PublicKeyDetails{
		protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, protocommon.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256,
	})
	if err != nil {
		return nil, err
	}
	entry, err := hashedrekord.ToLogEntry(request, algorithms)
	if err != nil {
		return nil, err
	}
	text, err := protojson.Marshal(entry)
	if err != nil {
		return nil, err
	}
	if text, err = jsoncanonicalizer.Transform(text); err != nil {
		return nil, err
	}
	leaf := sha256.Sum256(append([]byte{0}, text...))
	t.i.mu.Lock()
	defer t.i.mu.Unlock()
	id := fmt.Sprintf("v2 %x", leaf)
	if _, ok := t.i.entries[id]; ok {
		return nil, &conflict{id}
	}
	t.i.entries[id] = text
	return t.answer(r, text, leaf[:])
}

func (t *tiles) answer(r *http.Request, body, leaf []byte) ([]byte, error) {
	u, err := url.Parse(t.i.Tiles.URL)
	if err != nil {
		return nil, err
	}
	signer, err := signature.LoadECDSASignerVerifier(t.key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	noteSigner, err := note.NewNoteSigner(r.Context(), u.Hostname(), signer)
	if err != nil {
		return nil, err
	}
	// https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md
	checkpoint, err := signednote.Sign(&signednote.Note{Text: util.Checkpoint{Origin: u.Hostname(), Size: 1, Hash: leaf}.String()}, noteSigner)
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(&protorekor.TransparencyLogEntry{
		LogId:             &protocommon.LogId{KeyId: t.id},
		KindVersion:       &protorekor.KindVersion{Kind: "hashedrekord", Version: "0.0.2"},
		CanonicalizedBody: body,
		InclusionProof: &protorekor.InclusionProof{
			TreeSize: 1, RootHash: leaf, Checkpoint: &protorekor.Checkpoint{Envelope: string(checkpoint)},
		},
	})
}
