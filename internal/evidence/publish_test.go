package evidence_test

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

func signatures(w *evidencetest.World) []evidence.Claim {
	var claims []evidence.Claim
	for _, d := range w.Digests {
		claims = append(claims, evidence.Claim{Digest: d, Statement: intoto.Signature(d)})
	}
	return claims
}

func repositories(w *evidencetest.World) []image.Repository {
	return []image.Repository{w.Registries[0].Repository, w.Registries[1].Repository}
}

func publish(t *testing.T, w *evidencetest.World, repos []image.Repository, claims []evidence.Claim) []evidence.Bundle {
	t.Helper()
	bundles, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), repos, claims)
	if err != nil {
		t.Fatal(err)
	}
	return bundles
}

// oneEverywhere checks that each digest has this one bundle in every registry.
func oneEverywhere(t *testing.T, w *evidencetest.World, bundles []evidence.Bundle) {
	t.Helper()
	for n := range w.Registries {
		for i, d := range w.Digests {
			found := w.Bundles(t, n, d)
			if len(found) != 1 || !bytes.Equal(found[0], bundles[i].Content) {
				t.Errorf("registry %d, %s: %d bundles, or another", n, d, len(found))
			}
		}
	}
}

func TestEveryRegistryGetsTheSameBundle(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	oneEverywhere(t, w, publish(t, w, repositories(w), signatures(w)))
	if n := w.Sigstore.Entries(); n != len(w.Digests) {
		t.Errorf("%d log entries for %d digests", n, len(w.Digests))
	}
}

func TestABundleIsAttachedAsCosignDoes(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	publish(t, w, repositories(w), signatures(w))
	at := w.Images[1]
	referrers, err := w.Client.Referrers(t.Context(), at, "application/vnd.dev.sigstore.bundle.v0.3+json")
	if err != nil || len(referrers) != 1 {
		t.Fatalf("%d referrers, %v", len(referrers), err)
	}
	a := referrers[0].Annotations
	if len(a) != 2 || a["dev.sigstore.bundle.content"] != "dsse-envelope" || a["dev.sigstore.bundle.predicateType"] != "https://sigstore.dev/cosign/sign/v1" {
		t.Errorf("annotations %v", a)
	}
	artifact, err := w.Client.Artifact(t.Context(), at.Repository.Pin(referrers[0].Digest))
	if err != nil || artifact.MediaType != sigstore.BundleMediaType {
		t.Errorf("layer of type %q, %v", artifact.MediaType, err)
	}
}

func TestABundleThatOthersDoNotFindIsListedAnew(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	publish(t, w, repositories(w), signatures(w))
	before := w.Sigstore.Entries()
	tag := "sha256-" + w.Digests[0].Hex()
	w.Registries[1].Replace(t, tag, `"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"`, `"artifactType":"application/vnd.oci.empty.v1+json"`)
	bundles := publish(t, w, repositories(w), signatures(w))
	oneEverywhere(t, w, bundles)
	found, err := w.Client.Referrers(t.Context(), w.Images[1], sigstore.BundleMediaType)
	if err != nil || len(found) != 1 || found[0].Mislisted || w.Sigstore.Entries() != before {
		t.Errorf("referrers %+v, %v; %d log entries", found, err, w.Sigstore.Entries()-before)
	}
}

func TestASecondRunSignsAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	first := publish(t, w, repositories(w), signatures(w))
	w.Sigstore.Fulcio.SetFault(sigstoretest.Answer(http.StatusServiceUnavailable))
	w.Sigstore.Rekor.SetFault(sigstoretest.Answer(http.StatusServiceUnavailable))
	before := w.Registries[0].Writes() + w.Registries[1].Writes()
	second := publish(t, w, repositories(w), signatures(w))
	for n := range first {
		if !bytes.Equal(first[n].Content, second[n].Content) {
			t.Errorf("%s got another bundle", w.Digests[n])
		}
	}
	if n := w.Registries[0].Writes() + w.Registries[1].Writes() - before; n != 0 {
		t.Errorf("%d requests to write", n)
	}
	if n := w.Sigstore.Fulcio.Requests() + w.Sigstore.Rekor.Requests(); n != 0 {
		t.Errorf("%d requests to sign", n)
	}
}

func TestABundleIsCopiedToARegistryThatLacksIt(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	for n := range w.Registries {
		publish(t, w, repositories(w)[n:n+1], signatures(w)[n:n+1])
	}
	bundles := publish(t, w, repositories(w), signatures(w))
	oneEverywhere(t, w, bundles)
	if n := w.Sigstore.Entries(); n != len(w.Digests) {
		t.Errorf("%d log entries for %d digests", n, len(w.Digests))
	}
}

// Two runs that each reached one registry only have both signed. No registry
// gets the other's signature, too.
func TestWhatARegistryHasOfOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	claim := signatures(w)[:1]
	for n := range w.Registries {
		publish(t, w, repositories(w)[n:n+1], claim)
	}
	publish(t, w, repositories(w), claim)
	for n := range w.Registries {
		if found := w.Bundles(t, n, w.Digests[0]); len(found) != 1 {
			t.Errorf("registry %d has %d bundles", n, len(found))
		}
	}
}

func TestOnlyOurOwnBundlesThatSayTheSameAreKept(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	d, other := w.Digests[0], w.Digests[1]
	claim := evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.SPDX, evidencetest.SPDX(d))}
	put := func(workflow string, c evidence.Claim) []byte {
		t.Helper()
		text, err := c.Statement.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := w.Publisher(t, workflow).Signer.Sign(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		return bundle
	}
	theirs := put("acme/app-evil/.github/workflows/release.yml@refs/tags/v1.2.3", claim)
	another := put(evidencetest.Workflow, evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.SPDX, []byte(`{"spdxVersion":"SPDX-2.2"}`))})
	elsewhere := put(evidencetest.Workflow, evidence.Claim{Digest: other, Statement: intoto.New(other, intoto.SPDX, evidencetest.SPDX(d))})
	mine := put(evidencetest.Workflow, claim)
	flipped := bytes.Clone(mine)
	flipped[bytes.Index(flipped, []byte(`"payload":"`))+100] ^= 1
	for _, content := range [][]byte{theirs, another, elsewhere, flipped, []byte("{}"), nil} {
		w.Attach(t, 0, d, intoto.SPDX, content)
	}
	before := w.Sigstore.Entries()
	publish(t, w, repositories(w)[:1], []evidence.Claim{claim})
	if n := w.Sigstore.Entries() - before; n != 1 {
		t.Errorf("%d log entries, want a signature of its own", n)
	}
	publish(t, w, repositories(w), []evidence.Claim{claim})
	if n := w.Sigstore.Entries() - before; n != 1 {
		t.Errorf("%d log entries after a second run", n)
	}
}

func TestSubjectsAreTheIndexAndItsPlatforms(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	subjects, err := evidence.Subjects(t.Context(), w.Client, w.Images[1])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range subjects {
		got = append(got, s.String())
	}
	if strings.Join(got, " ") != "index linux/amd64 linux/arm64 linux/arm/v7" || subjects[0].Digest != w.Digests[0] || subjects[3].Digest != w.Digests[3] {
		t.Errorf("got %v", subjects)
	}
	alone, err := evidence.Subjects(t.Context(), w.Client, w.Registries[0].Repository.Pin(w.Digests[1]))
	if err != nil || len(alone) != 1 || alone[0].String() != "linux/amd64" {
		t.Errorf("of one image: %v, %v", alone, err)
	}
}

func TestSaveWritesBundles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/new"
	paths, err := evidence.Save(dir, []evidence.Bundle{{Content: []byte("a")}, {Content: []byte("b")}}, func(n int) string { return "ab"[n:n+1] + ".json" })
	if err != nil || len(paths) != 2 {
		t.Fatalf("%v, %v", paths, err)
	}
	if text, err := os.ReadFile(dir + "/b.json"); err != nil || string(text) != "b" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := evidence.Save(paths[0], nil, nil); err == nil {
		t.Error("a file is taken for a directory")
	}
}
