package verify_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

// forge flips a bit in the last place where the signed statement has text, inside
// of the envelope, so that the bundle stays well-formed.
func forge(t *testing.T, bundle []byte, text string) []byte {
	t.Helper()
	var b struct {
		DSSEEnvelope struct{ Payload []byte } `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	before := base64.StdEncoding.EncodeToString(b.DSSEEnvelope.Payload)
	at := bytes.LastIndex(b.DSSEEnvelope.Payload, []byte(text))
	b.DSSEEnvelope.Payload[at] ^= 1
	after := base64.StdEncoding.EncodeToString(b.DSSEEnvelope.Payload)
	forged := bytes.Replace(bundle, []byte(before), []byte(after), 1)
	if bytes.Equal(forged, bundle) {
		t.Fatal("nothing was forged")
	}
	return forged
}

func TestForgedEvidenceIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		predicateType string
		forge         func(t *testing.T, w *evidencetest.World, d image.Digest) []byte
		want          string
	}{
		"a changed byte in a signature": {intoto.CosignSign, func(t *testing.T, w *evidencetest.World, d image.Digest) []byte {
			t.Helper()
			bundle := sign(t, w, evidencetest.Workflow, claim(d, intoto.CosignSign))
			bundle[len(bundle)/2] ^= 1
			return bundle
		}, "signature: there is none that counts"},
		"a changed byte in the signed digest": {intoto.CosignSign, func(t *testing.T, w *evidencetest.World, d image.Digest) []byte {
			t.Helper()
			return forge(t, sign(t, w, evidencetest.Workflow, claim(d, intoto.CosignSign)), d.Hex()[60:])
		}, "signature: there is none that counts"},
		"a changed byte in an SBOM": {intoto.SPDX, func(t *testing.T, w *evidencetest.World, d image.Digest) []byte {
			t.Helper()
			return forge(t, sign(t, w, evidencetest.Workflow, claim(d, intoto.SPDX)), "musl")
		}, "SPDX: there is none that counts"},
		"a signature of another digest": {intoto.CosignSign, func(t *testing.T, w *evidencetest.World, d image.Digest) []byte {
			t.Helper()
			next := w.Digests[1]
			if d == next {
				next = w.Digests[2]
			}
			return sign(t, w, evidencetest.Workflow, claim(next, intoto.CosignSign))
		}, "signature: there is none that counts"},
		"an SBOM under a signature's name": {intoto.CosignSign, func(t *testing.T, w *evidencetest.World, d image.Digest) []byte {
			t.Helper()
			return sign(t, w, evidencetest.Workflow, claim(d, intoto.SPDX))
		}, "signature: there is none"},
		"an SBOM that describes another image": {intoto.CycloneDX, func(t *testing.T, w *evidencetest.World, d image.Digest) []byte {
			t.Helper()
			other := image.Digest("sha256:" + strings.Repeat("e", 64))
			return sign(t, w, evidencetest.Workflow, evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.CycloneDX, evidencetest.CycloneDX(other))})
		}, "describes sha256:eee"},
		"an SPDX document as CycloneDX": {intoto.CycloneDX, func(t *testing.T, w *evidencetest.World, d image.Digest) []byte {
			t.Helper()
			return sign(t, w, evidencetest.Workflow, evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.CycloneDX, evidencetest.SPDX(d))})
		}, "holds a SPDX document"},
		"an SBOM that says nothing": {intoto.SPDX, func(t *testing.T, w *evidencetest.World, d image.Digest) []byte {
			t.Helper()
			return sign(t, w, evidencetest.Workflow, evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.SPDX, []byte(`{}`))})
		}, "neither an SPDX"},
		"no bundle at all": {intoto.CosignSign, func(*testing.T, *evidencetest.World, image.Digest) []byte { return []byte("\x1b[31m{") }, "not a Sigstore bundle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := release(t, test.predicateType)
			for n := range w.Registries {
				for _, d := range w.Digests {
					w.Attach(t, n, d, test.predicateType, test.forge(t, w, d))
				}
			}
			refused(t, w, config(w), test.want)
		})
	}
}

func TestForgedEvidenceBesideTheTrueOneIsPassedOver(t *testing.T) {
	t.Parallel()
	w := release(t)
	d := w.Digests[0]
	for _, content := range [][]byte{[]byte("{}"), sign(t, w, "acme/evil/.github/workflows/a.yml@refs/heads/main", claim(d, intoto.CosignSign))} {
		w.Attach(t, 0, d, intoto.CosignSign, content)
	}
	if _, err := run(t, w, config(w)); err != nil {
		t.Error(err)
	}
}
