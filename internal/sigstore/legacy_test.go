package sigstore_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

var payload = []byte(`{"critical":{}}`)

// layers returns a statement and a message, signed, in the legacy layout.
func layers(tb testing.TB, i *sigstoretest.Instance) (attestation, signature sigstore.Layer) {
	tb.Helper()
	message, err := newSigner(tb, i, time.Second).SignMessage(tb.Context(), payload)
	if err != nil {
		tb.Fatal(err)
	}
	v := newVerifier(tb, i.TrustedRoot)
	if attestation, err = v.Layer(sign(tb, i, digest), nil); err != nil {
		tb.Fatal(err)
	}
	if signature, err = v.Layer(message, payload); err != nil {
		tb.Fatal(err)
	}
	return attestation, signature
}

func TestALayerVerifiesAsTheBundleThatItWasMadeOf(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	v := newVerifier(t, i.TrustedRoot)
	attestation, signature := layers(t, i)
	text, err := attestation.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	said, err := v.Verify(text, digest, identity)
	if err != nil || !bytes.Equal(said.Statement, statement(digest)) || said.LogIndex != 1001 {
		t.Errorf("statement %s, entry %d, %v", said.Statement, said.LogIndex, err)
	}
	if text, err = signature.Bundle(); err != nil {
		t.Fatal(err)
	}
	if said, err = v.VerifyMessage(text, payload, identity); err != nil || said.LogIndex != 1000 || said.Identity != identity {
		t.Errorf("message: %+v, %v", said, err)
	}
	if i.Entries() != 2 {
		t.Errorf("the log has %d entries, want one for each signature", i.Entries())
	}
	// A verifier that knows the root only finds the way to it.
	block, rest := pem.Decode([]byte(signature.Annotations["dev.sigstore.cosign/chain"]))
	if block == nil || bytes.Count(rest, []byte("BEGIN CERTIFICATE")) != 1 {
		t.Errorf("the chain is %q, want two certificates", signature.Annotations["dev.sigstore.cosign/chain"])
	}
}

// What cosign 2 reads, by its specification: the names and the forms.
func TestLayersAreAsCosignHasThem(t *testing.T) {
	t.Parallel()
	attestation, signature := layers(t, sigstoretest.New(t))
	if attestation.MediaType != "application/vnd.dsse.envelope.v1+json" || signature.MediaType != "application/vnd.dev.cosign.simplesigning.v1+json" || !bytes.Equal(signature.Content, payload) {
		t.Errorf("layers of type %q and %q", attestation.MediaType, signature.MediaType)
	}
	if attestation.Annotations["dev.cosignproject.cosign/signature"] != "" || signature.Annotations["dev.cosignproject.cosign/signature"] == "" {
		t.Errorf("signatures %v and %v", attestation.Annotations, signature.Annotations)
	}
	var envelope struct {
		PayloadType string
		Payload     []byte
		Signatures  []struct{ Sig []byte }
	}
	if err := json.Unmarshal(attestation.Content, &envelope); err != nil || envelope.PayloadType != "application/vnd.in-toto+json" || len(envelope.Signatures) != 1 {
		t.Errorf("envelope %s, %v", attestation.Content, err)
	}
	for _, l := range []sigstore.Layer{attestation, signature} {
		if !regexp.MustCompile(`^{"SignedEntryTimestamp":"[^"]+","Payload":{"body":"[^"]+","integratedTime":\d+,"logIndex":\d+,"logID":"[0-9a-f]{64}"}}$`).
			MatchString(l.Annotations["dev.sigstore.cosign/bundle"]) {
			t.Errorf("entry %s", l.Annotations["dev.sigstore.cosign/bundle"])
		}
	}
}

func TestABundleWithoutAnEntryOfVersion1HasNoLayer(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	text := regexp.MustCompile(`"inclusionPromise":{[^}]*},`).ReplaceAll(sign(t, i, digest), nil)
	_, err := newVerifier(t, i.TrustedRoot).Layer(text, nil)
	if err == nil || !strings.Contains(err.Error(), "version 1") || !strings.Contains(strings.Join(hint.Of(err), ""), "rekor-version") {
		t.Errorf("error %v, mends %q", err, hint.Of(err))
	}
}

func TestForgedLayersAreRefused(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	v := newVerifier(t, i.TrustedRoot)
	attestation, signature := layers(t, i)
	_, foreign := layers(t, sigstoretest.New(t))
	const entry, certificate = "dev.sigstore.cosign/bundle", "dev.sigstore.cosign/certificate"
	for name, forge := range map[string]func(l *sigstore.Layer){
		"another payload":         func(l *sigstore.Layer) { l.Content = []byte(`{"critical":{ }}`) },
		"another signature":       func(l *sigstore.Layer) { l.Annotations["dev.cosignproject.cosign/signature"] = "MEUCIQ==" },
		"no signature":            func(l *sigstore.Layer) { delete(l.Annotations, "dev.cosignproject.cosign/signature") },
		"no entry":                func(l *sigstore.Layer) { delete(l.Annotations, entry) },
		"an entry of another log": func(l *sigstore.Layer) { l.Annotations[entry] = foreign.Annotations[entry] },
		"another layer's entry":   func(l *sigstore.Layer) { l.Annotations[entry] = attestation.Annotations[entry] },
		"an entry of another time": func(l *sigstore.Layer) {
			l.Annotations[entry] = strings.Replace(l.Annotations[entry], `Time":1`, `Time":2`, 1)
		},
		"no certificate":      func(l *sigstore.Layer) { delete(l.Annotations, certificate) },
		"another certificate": func(l *sigstore.Layer) { l.Annotations[certificate] = foreign.Annotations[certificate] },
		"two certificates":    func(l *sigstore.Layer) { l.Annotations[certificate] += foreign.Annotations[certificate] },
		"a broken timestamp":  func(l *sigstore.Layer) { l.Annotations["dev.sigstore.cosign/rfc3161timestamp"] = "{" },
		"another's timestamp": func(l *sigstore.Layer) {
			l.Annotations["dev.sigstore.cosign/rfc3161timestamp"] = foreign.Annotations["dev.sigstore.cosign/rfc3161timestamp"]
		},
		"an envelope's type": func(l *sigstore.Layer) { l.MediaType = sigstore.EnvelopeMediaType },
		"another type":       func(l *sigstore.Layer) { l.MediaType = "text/plain" },
		"too long":           func(l *sigstore.Layer) { l.Content = make([]byte, 65<<20) },
	} {
		l := signature
		l.Annotations = maps.Clone(l.Annotations)
		forge(&l)
		text, err := l.Bundle()
		if err == nil {
			_, err = v.VerifyMessage(text, l.Content, identity)
		}
		if err == nil {
			t.Errorf("%s: it verifies", name)
		}
	}
}

// Whatever a registry holds: no panic, and nothing that isn't ours verifies.
func FuzzLayer(f *testing.F) {
	i := sigstoretest.New(f)
	v := newVerifier(f, i.TrustedRoot)
	attestation, signature := layers(f, i)
	for _, l := range []sigstore.Layer{attestation, signature} {
		f.Add(l.MediaType, l.Content, l.Annotations["dev.cosignproject.cosign/signature"], l.Annotations["dev.sigstore.cosign/bundle"],
			l.Annotations["dev.sigstore.cosign/certificate"], l.Annotations["dev.sigstore.cosign/rfc3161timestamp"])
	}
	f.Fuzz(func(t *testing.T, mediaType string, content []byte, sig, entry, certificate, stamp string) {
		l := sigstore.Layer{MediaType: mediaType, Content: content, Annotations: map[string]string{
			"dev.cosignproject.cosign/signature": sig, "dev.sigstore.cosign/bundle": entry,
			"dev.sigstore.cosign/certificate": certificate, "dev.sigstore.cosign/rfc3161timestamp": stamp,
		}}
		text, err := l.Bundle()
		if err != nil {
			return
		}
		if said, err := v.Verify(text, digest, identity); err == nil && !bytes.Equal(said.Statement, statement(digest)) {
			t.Errorf("a statement that nobody signed verifies: %s", said.Statement)
		}
		if _, err := v.VerifyMessage(text, content, identity); err == nil && !bytes.Equal(content, payload) {
			t.Errorf("a message that nobody signed verifies: %s", content)
		}
	})
}
