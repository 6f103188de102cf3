package releasenotes

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/notes"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/transport"
)

const about = image.Digest("sha256:82ee8731b8df2b6e722fa5daff7fd1a5aed718cb9f66ce08b121e17d830baea7")

// sign returns a bundle of a real certificate and log, and what verification says of it.
func sign(t *testing.T, token sigstore.TokenSource, versions sigstore.RekorVersions, statement intoto.Statement) evidence.Bundle {
	t.Helper()
	w := evidencetest.New(t)
	instance := sigstore.Instance{Trust: w.Trust(), SigningConfig: w.Sigstore.SigningConfig, RekorVersions: versions}
	p, err := evidence.NewPublisher(t.Context(), w.Client, instance, token, 0, sigstore.Options{Transport: transport.New(transport.Options{RetryFor: -1}), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.Signer.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Sign(t.Context(), evidence.Claim{Digest: about, Statement: statement}, id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestABundleSaysWhatVerificationSays holds our reading against sigstore-go's.
func TestABundleSaysWhatVerificationSays(t *testing.T) {
	t.Parallel()
	const shared = "acme/shared/.github/workflows/release.yml@refs/heads/main"
	for name, test := range map[string]struct {
		further  map[string]string
		versions sigstore.RekorVersions
		logged   bool
	}{
		"a workflow":          {versions: sigstore.RekorVersions{1}, logged: true},
		"a reusable workflow": {further: map[string]string{"job_workflow_ref": shared}, versions: sigstore.RekorVersions{1, 2}, logged: true},
		"a log of version 2":  {versions: sigstore.RekorVersions{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := sign(t, sigstoretest.Token(evidencetest.Workflow, test.further), test.versions, intoto.New(about, intoto.SPDX, json.RawMessage(`{"x":1}`)))
			got, err := parseBundle(want.Content)
			if err != nil {
				t.Fatal(err)
			}
			if got.about != about || got.kind != notes.SPDX || got.logged != test.logged {
				t.Errorf("got %+v", got)
			}
			if test.logged && got.logIndex != want.LogIndex {
				t.Errorf("log index %d, want %d", got.logIndex, want.LogIndex)
			}
			if by := (signer{identity: want.Identity.Subject, issuer: want.Identity.Issuer, repository: path(want.Source.Repository)}); got.by != by || by.repository != "acme/app" {
				t.Errorf("got %+v, want %+v", got.by, by)
			}
		})
	}
}

func TestKindsAreThoseOfTheirPredicates(t *testing.T) {
	t.Parallel()
	for predicateType, want := range map[string]string{
		intoto.CosignSign: notes.Signature, intoto.SPDX: notes.SPDX, intoto.CycloneDX: notes.CycloneDX, intoto.SLSAProvenance: notes.Provenance,
		intoto.Vulnerabilities: notes.Report, "https://example.com/review/v1": "https://example.com/review/v1",
	} {
		if got := kindOf(predicateType); got != want {
			t.Errorf("%s is %q, want %q", predicateType, got, want)
		}
	}
}

func TestTheFirstEntryOfALogIsOne(t *testing.T) {
	t.Parallel()
	good := sign(t, sigstoretest.Token(evidencetest.Workflow), sigstore.RekorVersions{1}, intoto.Signature(about))
	first := regexp.MustCompile(`"logIndex":\s*"\d+",`).ReplaceAll(good.Content, nil) // as protojson writes 0
	got, err := parseBundle(first)
	if err != nil || !got.logged || got.logIndex != 0 || bytes.Equal(first, good.Content) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsNoBundleIsRefused(t *testing.T) {
	t.Parallel()
	good := string(sign(t, sigstoretest.Token(evidencetest.Workflow), sigstore.RekorVersions{1}, intoto.Signature(about)).Content)
	var b struct {
		VerificationMaterial struct{ Certificate struct{ RawBytes string } }
	}
	if err := json.Unmarshal([]byte(good), &b); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                    "unexpected end",
		"[]":                                  "cannot unmarshal",
		"{}":                                  "no statement",
		good[:200]:                            "unexpected end",
		`{"dsseEnvelope":{"payload":"e30="}}`: "statement",
		strings.Replace(good, b.VerificationMaterial.Certificate.RawBytes, "", 1):             "neither a certificate nor a key",
		strings.Replace(good, b.VerificationMaterial.Certificate.RawBytes[:8], "AAAAAAAA", 1): "x509",
		strings.Replace(good, `"certificate"`, `"publicKey":{"hint":"me"},"certificate"`, 1):  "no SHA-256",
	} {
		if _, err := parseBundle([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzBundle(f *testing.F) {
	f.Add([]byte(`{"verificationMaterial":{"publicKey":{"hint":"AAAA"},"tlogEntries":[{"logIndex":"1","inclusionPromise":{}}]},"dsseEnvelope":{"payload":"e30="}}`))
	f.Add([]byte(`{"verificationMaterial":{"certificate":{"rawBytes":"MIIB"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := parseBundle(text)
		if err == nil && (e.kind == "" || strings.ContainsAny(e.kind+e.by.identity+e.by.issuer, "\r\n")) {
			t.Errorf("got %+v", e)
		}
	})
}
