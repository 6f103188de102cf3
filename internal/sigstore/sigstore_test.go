package sigstore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/transport"
)

const (
	workflow = "acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"
	digest   = image.Digest("sha256:" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	other    = image.Digest("sha256:" + "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
)

var identity = sigstore.Identity{Subject: sigstoretest.Subject(workflow), Issuer: sigstoretest.Issuer}

func statement(d image.Digest) []byte {
	return []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + d.Hex() +
		`"}}],"predicateType":"https://example.com/said/v1","predicate":{"n":1}}`)
}

func newSigner(tb testing.TB, i *sigstoretest.Instance, retryFor time.Duration) *sigstore.Signer {
	tb.Helper()
	return newSignerOf(tb, sigstore.Instance{SigningConfig: i.SigningConfig}, retryFor, place{})
}

func newSignerOf(tb testing.TB, instance sigstore.Instance, retryFor time.Duration, p place) *sigstore.Signer {
	tb.Helper()
	base := http.DefaultTransport.(*http.Transport).Clone()
	tb.Cleanup(base.CloseIdleConnections)
	s, err := sigstore.NewSigner(tb.Context(), instance, sigstoretest.Token(workflow), retryFor, sigstore.Options{
		Transport: transport.New(transport.Options{Base: base, RetryFor: retryFor}), Place: p,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func newVerifier(tb testing.TB, trustedRoot string) *sigstore.Verifier {
	tb.Helper()
	v, err := sigstore.NewVerifier(tb.Context(), sigstore.Trust{TrustedRoot: trustedRoot}, sigstore.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func sign(tb testing.TB, i *sigstoretest.Instance, d image.Digest) []byte {
	tb.Helper()
	text, err := newSigner(tb, i, time.Second).Sign(tb.Context(), statement(d))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestWhatIsSignedVerifies(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	text := sign(t, i, digest)
	got, err := newVerifier(t, i.TrustedRoot).Verify(text, digest, identity)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Statement, statement(digest)) || got.PredicateType != "https://example.com/said/v1" {
		t.Errorf("said %s, a %s", got.Statement, got.PredicateType)
	}
	if got.Identity != identity || got.LogIndex != 1000 || got.Time.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func TestABundleHasALogEntryOfVersion1AndATimestamp(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	var b struct {
		MediaType            string
		VerificationMaterial struct {
			TlogEntries []struct {
				KindVersion                      struct{ Kind, Version string }
				InclusionPromise, InclusionProof map[string]any
			}
			TimestampVerificationData struct{ Rfc3161Timestamps []any }
		}
	}
	if err := json.Unmarshal(sign(t, i, digest), &b); err != nil {
		t.Fatal(err)
	}
	m := b.VerificationMaterial
	if b.MediaType != sigstore.BundleMediaType || len(m.TlogEntries) != 1 || len(m.TimestampVerificationData.Rfc3161Timestamps) != 1 {
		t.Fatalf("got %+v", b)
	}
	if e := m.TlogEntries[0]; e.KindVersion.Kind != "dsse" || e.KindVersion.Version != "0.0.1" || len(e.InclusionPromise) == 0 || len(e.InclusionProof) == 0 {
		t.Errorf("got %+v", e)
	}
}

func TestOneCertificateSignsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	s, v := newSigner(t, i, time.Second), newVerifier(t, i.TrustedRoot)
	if i.Fulcio.Requests() != 0 {
		t.Error("a certificate was asked for before the first signature")
	}
	var wg sync.WaitGroup
	for n := range 12 {
		d := image.Digest("sha256:" + strings.Repeat(string("0123456789ab"[n]), 64))
		wg.Go(func() {
			text, err := s.Sign(t.Context(), statement(d))
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := v.Verify(text, d, identity); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := i.Fulcio.Requests(); n != 1 {
		t.Errorf("%d certificates were asked for", n)
	}
}

func TestIdentityIsWhatFulcioCertifies(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	got, err := newSigner(t, i, time.Second).Identity(t.Context())
	if err != nil || got != identity {
		t.Errorf("got %v, %v", got, err)
	}
	if i.Fulcio.Requests() != 0 {
		t.Error("fulcio was asked")
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	text := sign(t, i, digest)
	v := newVerifier(t, i.TrustedRoot)
	as := func(edit func(*sigstore.Identity)) sigstore.Identity {
		id := identity
		edit(&id)
		return id
	}
	for name, test := range map[string]struct {
		text   []byte
		digest image.Digest
		id     sigstore.Identity
		v      *sigstore.Verifier
		want   string
	}{
		"another digest":           {text, other, identity, v, "digest"},
		"no digest":                {text, "", identity, v, "digest"},
		"another subject":          {text, digest, as(func(id *sigstore.Identity) { id.Subject += "4" }), v, `signed by subject "https://github.com/acme/app/`},
		"the start of the subject": {text, digest, as(func(id *sigstore.Identity) { id.Subject = "https://github.com/acme/app" }), v, "signed by"},
		"another issuer":           {text, digest, as(func(id *sigstore.Identity) { id.Issuer += "/acme" }), v, "signed by"},
		"a pattern of its start":   {text, digest, sigstore.Identity{SubjectRegexp: "https://github.com/acme/app", Issuer: sigstoretest.Issuer}, v, "signed by"},
		"a pattern of its end":     {text, digest, sigstore.Identity{SubjectRegexp: `refs/tags/v1\.2\.3`, Issuer: sigstoretest.Issuer}, v, "signed by"},
		"an alternative's start":   {text, digest, sigstore.Identity{SubjectRegexp: `x|https://github.com/acme/app`, Issuer: sigstoretest.Issuer}, v, "signed by"},
		"multi-line anchors":       {text, digest, sigstore.Identity{SubjectRegexp: `(?m)https://github.com/acme/app$`, Issuer: sigstoretest.Issuer}, v, "signed by"},
		"a pattern that breaks out": {text, digest, sigstore.Identity{SubjectRegexp: `a)|(https://github.com/acme`, Issuer: sigstoretest.Issuer}, v,
			"not a regular expression"},
		"no identity":              {text, digest, sigstore.Identity{Issuer: sigstoretest.Issuer}, v, "either a subject or"},
		"both kinds of identity":   {text, digest, as(func(id *sigstore.Identity) { id.SubjectRegexp = ".*" }), v, "either a subject or"},
		"no issuer":                {text, digest, sigstore.Identity{Subject: identity.Subject}, v, "issuer"},
		"another instance":         {text, digest, identity, newVerifier(t, sigstoretest.New(t).TrustedRoot), "log"},
		"a certificate without CT": {text, digest, identity, newVerifier(t, i.CTLog), "certificate timestamp"},
		"nothing":                  {nil, digest, identity, v, "not a Sigstore bundle"},
		"an empty object":          {[]byte("{}"), digest, identity, v, "not a Sigstore bundle"},
		"half of a bundle":         {text[:len(text)/2], digest, identity, v, "not a Sigstore bundle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.v.Verify(test.text, test.digest, test.id)
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q lacks %q", err, test.want)
			}
		})
	}
	whole := sigstore.Identity{SubjectRegexp: `https://github\.com/acme/app/\.github/workflows/[a-z]+\.yml@refs/tags/v\d+\.\d+\.\d+`, Issuer: sigstoretest.Issuer}
	if _, err := v.Verify(text, digest, whole); err != nil {
		t.Errorf("a pattern of the whole: %v", err)
	}
}

// The parts of a bundle that are changed by themselves stay well-formed, so
// that it is the cryptography that refuses.
func TestChangedPartsAreRefused(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	mine, theirs := sign(t, i, digest), sign(t, i, other)
	v := newVerifier(t, i.TrustedRoot)
	for _, path := range []string{
		"dsseEnvelope.payload", "dsseEnvelope.signatures", "verificationMaterial.certificate",
		"verificationMaterial.tlogEntries", "verificationMaterial.timestampVerificationData", "dsseEnvelope",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			if _, err := v.Verify(graft(t, mine, theirs, path), digest, identity); err == nil {
				t.Error("accepted with a part of another bundle")
			}
		})
	}
	if _, err := v.Verify(graft(t, mine, mine, "dsseEnvelope"), digest, identity); err != nil {
		t.Errorf("its own part: %v", err)
	}
}

func TestAStatementOfAnotherPayloadTypeIsRefused(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	text := bytes.Replace(sign(t, i, digest), []byte("vnd.in-toto+json"), []byte("vnd.in-toto+yaml"), 1)
	if _, err := newVerifier(t, i.TrustedRoot).Verify(text, digest, identity); err == nil {
		t.Error("accepted")
	}
}

// graft puts the part of from at path into a copy of into.
func graft(t *testing.T, into, from []byte, path string) []byte {
	t.Helper()
	var a, b map[string]any
	for text, value := range map[*[]byte]*map[string]any{&into: &a, &from: &b} {
		if err := json.Unmarshal(*text, value); err != nil {
			t.Fatal(err)
		}
	}
	x, y := a, b
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		x, y = x[name].(map[string]any), y[name].(map[string]any)
	}
	last := names[len(names)-1]
	x[last] = y[last]
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestJobIdentityIsTheWorkflows(t *testing.T) {
	t.Parallel()
	token := func(claims string) secret.String {
		return secret.New("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".sig")
	}
	identity := func(token secret.String) (sigstore.Identity, error) {
		return sigstore.JobIdentity(t.Context(), func(_ context.Context, audience string) (secret.String, error) {
			if audience != "sigstore" {
				t.Errorf("a token for %q is asked for", audience)
			}
			return token, nil
		})
	}
	got, err := identity(token(`{"iss":"https://ghe.example/_services/token","job_workflow_ref":"Org/App/.github/workflows/r.yml@refs/heads/main"}`))
	if err != nil || got.Subject != "https://ghe.example/Org/App/.github/workflows/r.yml@refs/heads/main" || got.Issuer != "https://ghe.example/_services/token" {
		t.Errorf("of an Enterprise Server: %v, %v", got, err)
	}
	for name, bad := range map[string]secret.String{
		"empty":           secret.New(""),
		"two parts":       secret.New("e30.e30"),
		"not base64":      secret.New("e30.s3cret!.sig"),
		"not JSON":        token("s3cret"),
		"no issuer":       token(`{"job_workflow_ref":"a"}`),
		"not of Actions":  token(`{"iss":"https://accounts.example","sub":"a"}`),
		"another's shape": token(`{"iss":1}`),
	} {
		_, err := identity(bad)
		if err == nil || len(hint.Of(err)) == 0 {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	t.Parallel()
	i := sigstoretest.New(t)
	garbage := t.TempDir() + "/garbage.json"
	if err := os.WriteFile(garbage, []byte(`{"mediaType":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{garbage, i.SigningConfig, "/nowhere/trusted_root.json"} {
		_, err := sigstore.NewVerifier(t.Context(), sigstore.Trust{TrustedRoot: path}, sigstore.Options{})
		if err == nil || !strings.Contains(err.Error(), path) || len(hint.Of(err)) == 0 {
			t.Errorf("trusted root %s: %v", path, err)
		}
	}
	for _, path := range []string{garbage, i.TrustedRoot, "/nowhere/signing_config.json"} {
		_, err := sigstore.NewSigner(t.Context(), sigstore.Instance{SigningConfig: path}, nil, 0, sigstore.Options{})
		if err == nil || !strings.Contains(err.Error(), path) || len(hint.Of(err)) == 0 {
			t.Errorf("signing config %s: %v", path, err)
		}
	}
}
