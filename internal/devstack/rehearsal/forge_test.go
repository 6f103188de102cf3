//go:build e2e

package rehearsal_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// expired copies the release with signatures that the log saw an hour later, when
// their certificate had run out, and no authority did before.
func expired(t *testing.T, f *forger, from, to string) (ref, digest string) {
	t.Helper()
	source, target, subjects := f.copyImage(t, from, to, "1.2.3")
	for _, subject := range subjects {
		described, err := remote.Head(target.Digest(subject.String()), f.options...)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range f.evidence(t, source, subject) {
			f.attach(t, target, *described, e.annotations, loggedLate(t, e.bundle))
		}
	}
	return to + ":1.2.3", subjects[0].String()
}

// loggedLate has the log itself say that it took a bundle's entry an hour later.
//
// https://github.com/sigstore/rekor/blob/v1.4.2/openapi.yaml#L469
func loggedLate(t *testing.T, bundle []byte) []byte {
	t.Helper()
	var b struct {
		VerificationMaterial map[string]json.RawMessage `json:"verificationMaterial"`
		Envelope             json.RawMessage            `json:"dsseEnvelope"`
		MediaType            string                     `json:"mediaType"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	var entries []map[string]any
	if err := json.Unmarshal(b.VerificationMaterial["tlogEntries"], &entries); err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	entry := entries[0]
	number := func(name string) int64 {
		text, ok := entry[name].(string)
		if !ok {
			return 0 // which protobuf leaves out
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	id, err := base64.StdEncoding.DecodeString(entry["logId"].(map[string]any)["keyId"].(string))
	if err != nil {
		t.Fatal(err)
	}
	late := number("integratedTime") + 3600
	// The names are sorted, as the log signs them.
	promised, err := json.Marshal(struct {
		Body  string `json:"body"`
		Time  int64  `json:"integratedTime"`
		ID    string `json:"logID"`
		Index int64  `json:"logIndex"`
	}{entry["canonicalizedBody"].(string), late, hex.EncodeToString(id), number("logIndex")})
	if err != nil {
		t.Fatal(err)
	}
	entry["integratedTime"] = strconv.FormatInt(late, 10)
	entry["inclusionPromise"] = map[string]any{"signedEntryTimestamp": signAsLog(t, promised)}
	if b.VerificationMaterial["tlogEntries"], err = json.Marshal(entries); err != nil {
		t.Fatal(err)
	}
	delete(b.VerificationMaterial, "timestampVerificationData")
	forged, err := json.Marshal(b)
	if err != nil || bytes.Equal(forged, bundle) {
		t.Fatal("nothing was changed", err)
	}
	return forged
}

// signAsLog signs with the key of the world's transparency log.
func signAsLog(t *testing.T, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(readFile(t, filepath.Join(filepath.Dir(world.Env["SIGSTORE_TRUSTED_ROOT"]), "rekor.key"))))
	if block == nil {
		t.Fatal("the log's key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	signature, err := ecdsa.SignASN1(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// silent copies the release into a registry that takes it all, and lists nothing
// when it is asked for referrers.
func silent(t *testing.T, f *forger, from, to string) (ref, digest string) {
	t.Helper()
	ref, digest = copied(t, f, from, to)
	host, path, _ := strings.Cut(to, "/")
	if host == "docker.io" {
		host = "index.docker.io"
	}
	if err := world.Silence(t.Context(), host, "/v2/"+path+"/referrers/"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.ClearFaults(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return ref, digest
}
