package evidence_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
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

func TestNothingIsAttachedBeforeAllIsSigned(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	// The last of the signatures fails.
	w.Sigstore.Rekor.SetFault(func(n int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		if n >= len(w.Digests) {
			rw.WriteHeader(http.StatusInternalServerError)
		}
		return n >= len(w.Digests)
	})
	before := w.Registries[0].Writes() + w.Registries[1].Writes()
	_, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), repositories(w), signatures(w))
	var failed *sigstore.ServiceError
	if !errors.As(err, &failed) || failed.Service != "rekor" || !strings.HasPrefix(err.Error(), "attached 0 of 8 ") || strings.Count(err.Error(), "\n") != 9 || len(hint.Of(err)) == 0 {
		t.Errorf("got %v, mends %q", err, hint.Of(err))
	}
	if n := w.Registries[0].Writes() + w.Registries[1].Writes() - before; n != 0 {
		t.Errorf("%d requests to write", n)
	}
	// With the log back, another run finishes.
	w.Sigstore.Rekor.SetFault(nil)
	oneEverywhere(t, w, publish(t, w, repositories(w), signatures(w)))
}

func TestAnUnreadableRegistryIsNotTakenForAnEmptyOne(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"listing": "/referrers/", "artifact": "/blobs/"} {
		w := evidencetest.New(t)
		publish(t, w, repositories(w), signatures(w))
		before := w.Sigstore.Entries()
		w.Registries[0].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, path) {
				rw.WriteHeader(http.StatusInternalServerError)
				return true
			}
			return false
		})
		if _, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), repositories(w), signatures(w)); err == nil || !strings.Contains(err.Error(), "500") {
			t.Errorf("%s: %v", name, err)
		}
		if n := w.Sigstore.Entries() - before; n != 0 {
			t.Errorf("%s: %d signatures were made", name, n)
		}
	}
}

func TestAFailedAttachmentSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	var mu sync.Mutex
	denied := true
	w.Registries[1].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if denied && r.Method == http.MethodPut {
			rw.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	p := w.Publisher(t, evidencetest.Workflow)
	var err error
	if p.Subjects, err = evidence.Subjects(t.Context(), w.Client, w.Images[0]); err != nil {
		t.Fatal(err)
	}
	_, err = p.Publish(t.Context(), repositories(w), signatures(w))
	if !errors.Is(err, registry.ErrDenied) || !strings.HasPrefix(err.Error(), "attached 4 of 8 pieces of evidence; ") || strings.Count(err.Error(), "403") != 1 {
		t.Errorf("got %v", err)
	}
	var missing strings.Builder
	for n, of := range []string{"index", "linux/amd64", "linux/arm64", "linux/arm/v7"} {
		fmt.Fprintf(&missing, "\n  %s %s: signature", w.Registries[1].Repository.Pin(w.Digests[n]), of)
	}
	if !strings.HasSuffix(err.Error(), "\nmissing:"+missing.String()) {
		t.Errorf("got %v\nwant it to end with%s", err, missing.String())
	}
	mu.Lock()
	denied = false
	mu.Unlock()
	before := w.Sigstore.Entries()
	bundles := publish(t, w, repositories(w), signatures(w))
	oneEverywhere(t, w, bundles)
	if n := w.Sigstore.Entries() - before; n > len(w.Digests) {
		t.Errorf("%d log entries", n)
	}
}

// A trusted root of another instance than that which signs: found out before
// anything is attached.
func TestANewSignatureMustVerify(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	p := w.Publisher(t, evidencetest.Workflow)
	var err error
	p.Verifier, err = sigstore.NewVerifier(t.Context(), sigstore.Trust{TrustedRoot: sigstoretest.New(t).TrustedRoot}, sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := w.Registries[0].Writes()
	_, err = p.Publish(t.Context(), repositories(w), signatures(w))
	if err == nil || !strings.Contains(strings.Join(hint.Of(err), ""), "same Sigstore instance") {
		t.Errorf("got %v, mends %q", err, hint.Of(err))
	}
	if n := w.Registries[0].Writes() - before; n != 0 {
		t.Errorf("%d requests to write", n)
	}
}

func TestPublishingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.Sigstore.Rekor.SetFault(func(_ int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		cancel()
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if _, err := w.Publisher(t, evidencetest.Workflow).Publish(ctx, repositories(w), signatures(w)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
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
