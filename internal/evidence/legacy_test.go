package evidence_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

func sboms(w *evidencetest.World) []evidence.Claim {
	var claims []evidence.Claim
	for _, d := range w.Digests {
		claims = append(claims,
			evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.SPDX, evidencetest.SPDX(d))},
			evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.CycloneDX, evidencetest.CycloneDX(d))})
	}
	return claims
}

// publishLegacy publishes in both layouts.
func publishLegacy(t *testing.T, w *evidencetest.World, repos []image.Repository, claims []evidence.Claim) {
	t.Helper()
	p := w.Publisher(t, evidencetest.Workflow)
	p.Legacy = true
	if _, err := p.Publish(t.Context(), repos, claims); err != nil {
		t.Fatal(err)
	}
}

func anyLayer(string, map[string]string) bool { return true }

// layers returns what is under a tag of cosign's in registry n.
func layers(t *testing.T, w *evidencetest.World, n int, d image.Digest, suffix string) []registry.Layer {
	t.Helper()
	found, err := w.Client.Layers(t.Context(), w.Registries[n].Repository.Tag("sha256-"+d.Hex()+suffix), anyLayer)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func reader(t *testing.T, w *evidencetest.World) evidence.Reader {
	t.Helper()
	return evidence.Reader{Registry: w.Client, Verifier: w.Publisher(t, evidencetest.Workflow).Verifier, Identity: evidencetest.Identity()}
}

func TestLegacyEvidenceIsInEveryRegistryOnceHoweverOftenItIsMade(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	for range 2 {
		publishLegacy(t, w, repositories(w), signatures(w))
		publishLegacy(t, w, repositories(w), sboms(w))
	}
	for n := range w.Registries {
		for _, d := range w.Digests {
			if bundles, sig, att := len(w.Bundles(t, n, d)), len(layers(t, w, n, d, ".sig")), len(layers(t, w, n, d, ".att")); bundles != 3 || sig != 1 || att != 2 {
				t.Errorf("registry %d, %s: %d bundles, %d signatures, %d attestations; want 3, 1 and 2", n, d, bundles, sig, att)
			}
			// One signature for all registries, which names the first.
			sig := layers(t, w, n, d, ".sig")[0]
			if want := fmt.Sprintf(`{"critical":{"identity":{"docker-reference":%q},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`,
				w.Registries[0].Repository, d); string(sig.Content) != want || sig.MediaType != sigstore.SimpleSigningMediaType {
				t.Errorf("payload %s, want %s", sig.Content, want)
			}
		}
	}
	// Three statements and the payload that older verifiers want, for each digest.
	if n, want := w.Sigstore.Entries(), 4*len(w.Digests); n != want {
		t.Errorf("%d log entries, want %d", n, want)
	}
}

func TestLegacyEvidenceIsAddedToWhatWasReleasedWithoutSigningItAgain(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	bundles := publish(t, w, repositories(w), sboms(w))
	before := w.Sigstore.Entries()
	publishLegacy(t, w, repositories(w), sboms(w))
	if n := w.Sigstore.Entries() - before; n != 0 {
		t.Errorf("%d further log entries", n)
	}
	var envelope struct{ DSSEEnvelope json.RawMessage }
	if err := json.Unmarshal(bundles[0].Content, &envelope); err != nil {
		t.Fatal(err)
	}
	var a, b any
	att := layers(t, w, 1, w.Digests[0], ".att")[0]
	if json.Unmarshal(envelope.DSSEEnvelope, &a) != nil || json.Unmarshal(att.Content, &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("the envelope is %s, and was %s", att.Content, envelope.DSSEEnvelope)
	}
	if att.Annotations["predicateType"] != intoto.SPDX {
		t.Errorf("annotations %v", att.Annotations)
	}
}

func TestAReaderTakesLegacyEvidenceWhereThereIsNoBundle(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	publishLegacy(t, w, repositories(w), append(signatures(w), sboms(w)...))
	for n, r := range w.Registries {
		at := r.Repository.Pin(w.Digests[2])
		for _, layout := range []evidence.Layout{evidence.Referrer, evidence.Legacy} {
			found, err := reader(t, w).Find(t.Context(), at, intoto.CosignSign, intoto.SPDX, intoto.CycloneDX)
			if err != nil || len(found.Bundles) != 3 || len(found.Refused) != 0 {
				t.Fatalf("registry %d: %d of 3 found, %v, %v", n, len(found.Bundles), found.Refused, err)
			}
			for _, b := range found.Bundles {
				if b.Layout != layout || !b.Statement.About(at.Digest) || b.Identity != evidencetest.Identity() || b.Time.IsZero() {
					t.Errorf("registry %d: %s as %s of %s, want %s", n, b.Statement.PredicateType, b.Layout, b.Identity, layout)
				}
			}
			// From here on there are no bundles.
			r.Intercept(func(rw http.ResponseWriter, req *http.Request) bool {
				gone := strings.Contains(req.URL.Path, "/referrers/") || strings.HasSuffix(req.URL.Path, "/sha256-"+at.Digest.Hex())
				if gone {
					rw.WriteHeader(http.StatusNotFound)
				}
				return gone
			})
		}
	}
}

func TestForeignLayersAreKeptAndDoNotCount(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	d, other := w.Digests[0], w.Digests[1]
	evil := w.Publisher(t, "acme/evil/.github/workflows/a.yml@refs/heads/main")
	evil.Legacy = true
	if _, err := evil.Publish(t.Context(), repositories(w)[:1], append(signatures(w), sboms(w)...)); err != nil {
		t.Fatal(err)
	}
	tag := w.Registries[0].Repository.Tag("sha256-" + d.Hex() + ".sig")
	foreign := layers(t, w, 0, other, ".sig")[0]
	broken := registry.Layer{MediaType: sigstore.SimpleSigningMediaType, Content: []byte("{"), Annotations: map[string]string{"dev.cosignproject.cosign/signature": "x"}}
	for _, l := range []registry.Layer{foreign, broken} {
		if err := w.Client.AppendLayers(t.Context(), tag, l); err != nil {
			t.Fatal(err)
		}
	}
	before := layers(t, w, 0, d, ".sig")
	publishLegacy(t, w, repositories(w), append(signatures(w), sboms(w)...))
	after := layers(t, w, 0, d, ".sig")
	if len(before) != 3 || len(after) != 4 || fmt.Sprint(after[:3]) != fmt.Sprint(before) {
		t.Errorf("the layers were %d and are %d", len(before), len(after))
	}
	found, err := reader(t, w).Find(t.Context(), w.Images[0], intoto.CosignSign)
	if err != nil || len(found.Bundles) != 1 {
		t.Errorf("%d signatures, %v", len(found.Bundles), err)
	}
}

// Each is refused with its reason, and the image counts as unsigned.
func TestForgedLegacyEvidenceIsRefused(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	d, other := w.Digests[0], w.Digests[1]
	p := w.Publisher(t, evidencetest.Workflow)
	message := func(payload string) registry.Layer {
		t.Helper()
		content, err := p.Signer.SignMessage(t.Context(), []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return layerOf(t, p, content, []byte(payload))
	}
	statement := func(s intoto.Statement) registry.Layer {
		t.Helper()
		text, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		content, err := p.Signer.Sign(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		return layerOf(t, p, content, nil)
	}
	payload := func(d image.Digest, kind string) string {
		return fmt.Sprintf(`{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":%q},"type":%q},"optional":{"a":1}}`, d, kind)
	}
	const cosign = "cosign container image signature"
	good := message(payload(d, cosign))
	retyped := good
	retyped.Content = []byte(strings.Replace(string(good.Content), `"a":1`, `"a":2`, 1))
	for name, test := range map[string]struct {
		suffix string
		layer  registry.Layer
		want   string // none: it is no forgery
	}{
		"a good one":                    {".sig", good, ""},
		"another digest":                {".sig", message(payload(other, cosign)), "is about"},
		"another type":                  {".sig", message(payload(d, "atomic container signature")), "of type"},
		"a name twice":                  {".sig", message(strings.Replace(payload(d, cosign), `"image"`, `"image":{},"image"`, 1)), "twice"},
		"no object":                     {".sig", message(`"x"`), "its payload"},
		"another payload":               {".sig", retyped, "does not match"},
		"a signature as an attestation": {".att", statement(intoto.Signature(d)), "in the place of an attestation"},
		"a statement about another":     {".att", statement(intoto.New(other, intoto.SPDX, evidencetest.SPDX(d))), "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			w := evidencetest.New(t)
			if err := w.Client.AppendLayers(t.Context(), w.Images[0].Repository.Tag("sha256-"+d.Hex()+test.suffix), test.layer); err != nil {
				t.Fatal(err)
			}
			r := evidence.Reader{Registry: w.Client, Verifier: p.Verifier, Identity: evidencetest.Identity()}
			found, err := r.Find(t.Context(), w.Images[0], intoto.CosignSign, intoto.SPDX)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case test.want == "" && (len(found.Bundles) != 1 || len(found.Refused) != 0):
				t.Errorf("%d found, %v", len(found.Bundles), found.Refused)
			case test.want != "" && (len(found.Bundles) != 0 || len(found.Refused) != 1 || !strings.Contains(found.Refused[0].Error(), test.want) || !strings.Contains(found.Refused[0].Error(), "layer 1 of 1")):
				t.Errorf("%d found, refused %v, want %q", len(found.Bundles), found.Refused, test.want)
			}
		})
	}
}

func layerOf(t *testing.T, p evidence.Publisher, content, payload []byte) registry.Layer {
	t.Helper()
	layer, err := p.Verifier.Layer(content, payload)
	if err != nil {
		t.Fatal(err)
	}
	return registry.Layer(layer)
}

func TestAnUnreadableTagIsNotTakenForAnEmptyOne(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	w.Registries[0].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".sig") {
			rw.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	})
	if _, err := reader(t, w).Find(t.Context(), w.Images[0], intoto.CosignSign); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("got %v", err)
	}
	p := w.Publisher(t, evidencetest.Workflow)
	p.Legacy = true
	if _, err := p.Publish(context.WithoutCancel(t.Context()), repositories(w), signatures(w)); err == nil || w.Sigstore.Entries() != 0 {
		t.Errorf("%v, and %d signatures were made", err, w.Sigstore.Entries())
	}
}

func TestWhatIsMissingSaysTheLayout(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	w.Registries[1].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		denied := r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ".sig")
		if denied {
			rw.WriteHeader(http.StatusForbidden)
		}
		return denied
	})
	p := w.Publisher(t, evidencetest.Workflow)
	p.Legacy = true
	_, err := p.Publish(t.Context(), repositories(w), signatures(w)[:1])
	if want := w.Images[1].String() + ": signature under .sig"; err == nil || !strings.HasPrefix(err.Error(), "attached 3 of 4 pieces") || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
