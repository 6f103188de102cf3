package sigstore_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

func TestAMessageThatIsSignedVerifies(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	payload := []byte(`{"critical":{}}`)
	s, v := newSigner(t, i, time.Second), newVerifier(t, i.TrustedRoot)
	text, err := s.SignMessage(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.VerifyMessage(text, payload, identity)
	if err != nil {
		t.Fatal(err)
	}
	if got.Identity != identity || got.LogIndex != 1000 || got.Time.IsZero() || got.Statement != nil {
		t.Errorf("got %+v", got)
	}
	evil := identity
	evil.Subject = strings.Replace(evil.Subject, "acme/app", "acme/app-evil", 1)
	for name, test := range map[string]struct {
		text, payload []byte
		id            sigstore.Identity
		want          string
	}{
		"another message": {text, []byte(`{"critical":{} }`), identity, "signature"},
		"another signer":  {text, payload, evil, "signed by"},
		"a statement":     {sign(t, i, digest), statement(digest), identity, "no message signature"},
		"nothing":         {nil, payload, identity, "not a Sigstore bundle"},
	} {
		if _, err := v.VerifyMessage(test.text, test.payload, test.id); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.Verify(text, digest, identity); err == nil || !strings.Contains(err.Error(), "no in-toto statement") {
		t.Errorf("as a statement: %v", err)
	}
}

// Version 2 of the log has entries of one kind for both kinds of signatures, so
// that a message must never be the encoding of an envelope.
func TestAMessageIsNoEnvelope(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	encoded := []byte("DSSEv1 28 application/vnd.in-toto+json 2 {}")
	s := newSigner(t, i, time.Second)
	if _, err := s.SignMessage(t.Context(), encoded); err == nil || !strings.Contains(err.Error(), "DSSE envelope") {
		t.Errorf("signed: %v", err)
	}
	text, err := s.SignMessage(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newVerifier(t, i.TrustedRoot).VerifyMessage(text, encoded, identity); err == nil || !strings.Contains(err.Error(), "DSSE envelope") {
		t.Errorf("verified: %v", err)
	}
}

func TestAMessagesEntryIsAHashedRekord(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	text, err := newSigner(t, i, time.Second).SignMessage(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		VerificationMaterial struct {
			TlogEntries []struct {
				KindVersion struct{ Kind, Version string }
			}
		}
		MessageSignature struct{ Signature []byte }
	}
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	entries := b.VerificationMaterial.TlogEntries
	if len(entries) != 1 || entries[0].KindVersion.Kind != "hashedrekord" || entries[0].KindVersion.Version != "0.0.1" || len(b.MessageSignature.Signature) == 0 {
		t.Errorf("got %s", text)
	}
}

func TestABundleThatIsTooLongIsNotParsed(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, sigstoretest.New(t).TrustedRoot)
	long := bytes.Repeat([]byte("["), 65<<20)
	if _, err := v.Verify(long, digest, identity); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
	if _, err := v.VerifyMessage(long, nil, identity); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
}
