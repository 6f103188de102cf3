package sigstore_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"

	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

// signAs signs a statement about digest with entries in logs of the given versions.
func signAs(tb testing.TB, i *sigstoretest.Instance, versions ...uint32) []byte {
	tb.Helper()
	s := newSignerOf(tb, sigstore.Instance{SigningConfig: i.SigningConfig, RekorVersions: versions}, time.Second, place{})
	text, err := s.Sign(tb.Context(), statement(digest))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// change returns the bundle with what f does to its verification material.
func change(tb testing.TB, text []byte, f func(material map[string]any)) []byte {
	tb.Helper()
	var b map[string]any
	if err := json.Unmarshal(text, &b); err != nil {
		tb.Fatal(err)
	}
	f(b["verificationMaterial"].(map[string]any))
	changed, err := json.Marshal(b)
	if err != nil {
		tb.Fatal(err)
	}
	return changed
}

func TestLogsAndClocksThatDoNotCount(t *testing.T) {
	t.Parallel()
	i, stranger := sigstoretest.New(t), sigstoretest.New(t)
	v1, v2, both := signAs(t, i, 1), signAs(t, i, 2), signAs(t, i, 1, 2)
	theirs := signAs(t, stranger, 2)
	without := func(names ...string) func(map[string]any) {
		return func(m map[string]any) {
			for _, name := range names {
				delete(m, name)
			}
		}
	}
	only := func(n int) func(map[string]any) {
		return func(m map[string]any) { m["tlogEntries"] = m["tlogEntries"].([]any)[n : n+1] }
	}
	knows := func(url string) *sigstore.Verifier {
		return newVerifier(t, i.WriteTrustedRoot(t, func(r *prototrustroot.TrustedRoot) {
			for _, log := range r.GetTlogs() {
				if log.GetBaseUrl() == url {
					r.Tlogs = []*prototrustroot.TransparencyLogInstance{log}
				}
			}
		}))
	}
	noLogs := newVerifier(t, i.WriteTrustedRoot(t, func(r *prototrustroot.TrustedRoot) { r.Tlogs = nil }))
	noClocks := newVerifier(t, i.WriteTrustedRoot(t, func(r *prototrustroot.TrustedRoot) { r.TimestampAuthorities = nil }))
	all := newVerifier(t, i.TrustedRoot)
	for name, test := range map[string]struct {
		v    *sigstore.Verifier
		text []byte
		want string // of the refusal; none where it counts
	}{
		"version 1":                              {all, v1, ""},
		"version 1, no timestamp":                {all, change(t, v1, without("timestampVerificationData")), ""},
		"version 2":                              {all, v2, ""},
		"version 2, no timestamp":                {all, change(t, v2, without("timestampVerificationData")), "timestamp"},
		"both, no timestamp":                     {all, change(t, both, without("timestampVerificationData")), ""},
		"both, without the first entry":          {all, change(t, both, only(1)), ""},
		"both, and only version 1 is known":      {knows(i.Rekor.URL), both, ""},
		"both, and only version 2 is known":      {knows(i.Tiles.URL), both, ""},
		"version 1, and only version 2 is known": {knows(i.Tiles.URL), v1, "log"},
		"version 2, and only version 1 is known": {knows(i.Rekor.URL), v2, "log"},
		"no entry":                               {all, change(t, v1, without("tlogEntries")), "log"},
		"no entry and no timestamp":              {all, change(t, v1, without("tlogEntries", "timestampVerificationData")), "log"},
		"no entry, and no log is known":          {noLogs, change(t, v1, without("tlogEntries")), ""},
		"no log is known, and no timestamp":      {noLogs, change(t, v1, without("tlogEntries", "timestampVerificationData")), "timestamp"},
		"a log's time where no log is known":     {noLogs, change(t, v1, without("timestampVerificationData")), "timestamp"},
		"an unknown authority":                   {noClocks, v2, "timestamp"},
		"another log of the same version":        {all, graft(t, v2, theirs, "verificationMaterial.tlogEntries"), "log"},
		"another instance's":                     {all, theirs, "log"},
		"the same entry twice": {all, change(t, v1, func(m map[string]any) {
			m["tlogEntries"] = append(m["tlogEntries"].([]any), m["tlogEntries"].([]any)...)
		}), "duplicate"},
		"a hundred entries": {all, change(t, v1, func(m map[string]any) {
			m["tlogEntries"] = bytesOf(m["tlogEntries"].([]any)[0], 100)
		}), "too many"},
		"a hundred timestamps": {all, change(t, v1, func(m map[string]any) {
			data := m["timestampVerificationData"].(map[string]any)
			data["rfc3161Timestamps"] = bytesOf(data["rfc3161Timestamps"].([]any)[0], 100)
		}), "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.v.Verify(test.text, digest, identity)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func bytesOf(item any, n int) (all []any) {
	for range n {
		all = append(all, item)
	}
	return all
}

// The certificate had ended when log and clock saw the signature.
func TestACertificateThatHadEndedIsRefused(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	i.Age, i.Lifetime = time.Minute, 30*time.Second
	v := newVerifier(t, i.TrustedRoot)
	for _, versions := range [][]uint32{{1}, {2}} {
		text := signAs(t, i, versions...)
		if got, err := v.Verify(text, digest, identity); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("version %d: %v of %s, %v", versions, got.Identity, got.Time, err)
		}
	}
}

// Version 2 of the log has one kind of entry for statements and messages, so
// that nothing but us tells them apart.
func TestAStatementIsNoMessage(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	var b map[string]json.RawMessage
	if err := json.Unmarshal(signAs(t, i, 2), &b); err != nil {
		t.Fatal(err)
	}
	var envelope struct {
		Payload    []byte
		Signatures []struct{ Sig []byte }
	}
	if err := json.Unmarshal(b["dsseEnvelope"], &envelope); err != nil {
		t.Fatal(err)
	}
	encoded := fmt.Appendf(nil, "DSSEv1 28 application/vnd.in-toto+json %d %s", len(envelope.Payload), envelope.Payload)
	sum := sha256.Sum256(encoded)
	delete(b, "dsseEnvelope")
	var err error
	b["messageSignature"], err = json.Marshal(map[string]any{
		"messageDigest": map[string]any{"algorithm": "SHA2_256", "digest": sum[:]}, "signature": envelope.Signatures[0].Sig,
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := newVerifier(t, i.TrustedRoot).VerifyMessage(text, encoded, identity); err == nil || !strings.Contains(err.Error(), "DSSE envelope") {
		t.Errorf("%+v, %v", got, err)
	}
}

// No byte can be changed so that another statement is believed.
func TestNoChangedByteIsBelieved(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	p := ecdsaPair(t, elliptic.P256())
	s := newSignerOf(t, sigstore.Instance{SigningConfig: i.SigningConfig, Trust: sigstore.Trust{Key: p.private}}, time.Second, p.place())
	byKey, err := s.Sign(t.Context(), statement(digest))
	if err != nil {
		t.Fatal(err)
	}
	keyed := verifierOf(t, sigstore.Trust{TrustedRoot: i.TrustedRoot, Key: p.public}, place{})
	for name, test := range map[string]struct {
		v    *sigstore.Verifier
		text []byte
		id   sigstore.Identity
		most int // percent that are refused, at least: of version 2, the log's copy of the entry says nothing
	}{
		"version 1": {newVerifier(t, i.TrustedRoot), signAs(t, i, 1), identity, 90},
		"version 2": {newVerifier(t, i.TrustedRoot), signAs(t, i, 2), identity, 50},
		"a key":     {keyed, byKey, p.id, 85},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused, changes := 0, 0
			for at := 0; at < len(test.text); at += 7 {
				changes++
				changed := bytes.Clone(test.text)
				changed[at] ^= 1
				got, err := test.v.Verify(changed, digest, test.id)
				if err != nil {
					refused++
					continue
				}
				// Some bytes say nothing: the last bits of base64, say.
				if !bytes.Equal(got.Statement, statement(digest)) || got.Identity != test.id {
					t.Errorf("byte %d (%q): %+v", at, test.text[max(0, at-20):at+1], got)
				}
			}
			if refused*100 < changes*test.most {
				t.Errorf("%d of %d changes were refused", refused, changes)
			}
		})
	}
}

// Whoever signs may put anything into a bundle that verifies.
func TestWhatIsNestedWithoutEndDoesNoHarm(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	s, v := newSigner(t, i, time.Second), newVerifier(t, i.TrustedRoot)
	for _, open := range []string{"[", `{"a":`} {
		deep := strings.Repeat(open, 1<<20)
		for _, text := range []string{deep, `{"verificationMaterial":` + deep, `{"dsseEnvelope":` + deep} {
			if _, err := v.Verify([]byte(text), digest, identity); err == nil || len(err.Error()) > 1000 {
				t.Errorf("%.30s…: %.1000v", text, err)
			}
		}
		predicate := strings.Replace(string(statement(digest)), `{"n":1}`, strings.Repeat(`[`, 1<<18)+strings.Repeat(`]`, 1<<18), 1)
		text, err := s.Sign(t.Context(), []byte(predicate))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Verify(text, digest, identity); err == nil && string(got.Statement) != predicate {
			t.Error("another statement is believed")
		}
	}
}

func FuzzVerify(f *testing.F) {
	i := sigstoretest.New(f)
	v := newVerifier(f, i.TrustedRoot)
	for _, versions := range [][]uint32{{1}, {2}, {1, 2}} {
		text := signAs(f, i, versions...)
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{},"verificationMaterial":{"certificate":{}}}`))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1","dsseEnvelope":{"signatures":[null]},"verificationMaterial":{"publicKey":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := v.Verify(data, digest, identity)
		if err == nil && !bytes.Equal(got.Statement, statement(digest)) {
			t.Errorf("%s is believed", data)
		}
	})
}

func FuzzVerifyMessage(f *testing.F) {
	i := sigstoretest.New(f)
	v := newVerifier(f, i.TrustedRoot)
	payload := []byte(`{"critical":{}}`)
	text, err := newSigner(f, i, time.Second).SignMessage(f.Context(), payload)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, payload)
	f.Add(text, []byte("x"))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","messageSignature":{"messageDigest":{}},"verificationMaterial":{"certificate":{}}}`), payload)
	f.Fuzz(func(t *testing.T, data, said []byte) {
		if _, err := v.VerifyMessage(data, said, identity); err == nil && !bytes.Equal(said, payload) {
			t.Errorf("%q is believed of %s", said, data)
		}
	})
}
