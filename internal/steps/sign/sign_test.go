package sign_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/sign"
)

func run(t *testing.T, w *evidencetest.World, images []image.Pinned) (sign.Result, error) {
	t.Helper()
	return sign.Run(t.Context(), sign.Config{Images: images}, sign.Deps{Publisher: w.Publisher(t, evidencetest.Workflow), TempDir: t.TempDir()})
}

func TestIndexAndPlatformsAreSignedInEveryRegistry(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	result, err := run(t, w, w.Images)
	if err != nil {
		t.Fatal(err)
	}
	id := evidencetest.Identity()
	if result.Identity != id.Subject || result.Issuer != id.Issuer || len(result.Bundles) != len(w.Digests) {
		t.Errorf("got %+v", result)
	}
	reader := evidence.Reader{Registry: w.Client, Verifier: w.Publisher(t, evidencetest.Workflow).Verifier, Identity: id}
	for n, d := range w.Digests {
		saved, err := os.ReadFile(result.Bundles[n])
		if err != nil || !strings.HasSuffix(filepath.ToSlash(result.Bundles[n]), "/bundles/"+d.Hex()+".sigstore.json") {
			t.Errorf("%s: %v", result.Bundles[n], err)
		}
		for _, r := range w.Registries {
			found, err := reader.Find(t.Context(), r.Repository.Pin(d), intoto.CosignSign)
			if err != nil || len(found.Bundles) != 1 || len(found.Refused) != 0 {
				t.Fatalf("%s: %d bundles, %v, %v", r.Repository.Pin(d), len(found.Bundles), found.Refused, err)
			}
			b := found.Bundles[0]
			if !bytes.Equal(b.Content, saved) || len(b.Statement.Subject) != 1 || !b.Statement.About(d) {
				t.Errorf("%s: %+v", r.Repository.Pin(d), b.Statement)
			}
		}
	}
}

func TestASecondRunKeepsTheSignatures(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	if _, err := run(t, w, w.Images[:1]); err != nil {
		t.Fatal(err)
	}
	w.Sigstore.Fulcio.SetFault(sigstoretest.Answer(http.StatusServiceUnavailable))
	if _, err := run(t, w, w.Images); err != nil {
		t.Fatal(err)
	}
	for n := range w.Registries {
		for _, d := range w.Digests {
			if found := len(w.Bundles(t, n, d)); found != 1 {
				t.Errorf("registry %d, %s: %d bundles", n, d, found)
			}
		}
	}
}

func TestAnSBOMIsNotTakenForASignature(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	var claims []evidence.Claim
	for _, d := range w.Digests {
		claims = append(claims, evidence.Claim{Digest: d, Statement: intoto.New(d, intoto.SPDX, evidencetest.SPDX(d))})
	}
	if _, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), []image.Repository{w.Images[0].Repository}, claims); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, w, w.Images[:1]); err != nil {
		t.Fatal(err)
	}
	if n := w.Sigstore.Entries(); n != 2*len(w.Digests) {
		t.Errorf("%d log entries", n)
	}
}

func TestOneImageWithoutAnIndexIsSigned(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	result, err := run(t, w, []image.Pinned{w.Registries[0].Repository.Pin(w.Digests[1])})
	if err != nil || len(result.Bundles) != 1 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestAnImageThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	_, err := run(t, w, []image.Pinned{w.Registries[0].Repository.Pin("sha256:" + image.Digest(strings.Repeat("0", 64)))})
	if err == nil || !strings.Contains(err.Error(), w.Registries[0].Repository.String()) {
		t.Errorf("got %v", err)
	}
}

func TestTheLegacyLayoutIsSignedOnRequest(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	for range 2 {
		cfg := sign.Config{Images: w.Images, Layouts: evidence.Layouts{Legacy: true}}
		if _, err := sign.Run(t.Context(), cfg, sign.Deps{Publisher: w.Publisher(t, evidencetest.Workflow), TempDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range w.Registries {
		tags, err := w.Client.Tags(t.Context(), r.Repository)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range w.Digests {
			if !slices.Contains(tags, "sha256-"+d.Hex()+".sig") {
				t.Errorf("%s has no tag for %s among %q", r.Repository, d, tags)
			}
		}
	}
	if n := w.Sigstore.Entries(); n != 2*len(w.Digests) {
		t.Errorf("%d log entries", n)
	}
}

func TestInputsThatDoNotFitTogetherAreRefused(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	good := sign.Config{Images: w.Images, Sigstore: sigstore.Instance{Trust: w.Trust(), SigningConfig: w.Sigstore.SigningConfig}}
	if err := good.Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for want, edit := range map[string]func(*sign.Config){
		"different digests":       func(c *sign.Config) { c.Images = []image.Pinned{w.Images[0], w.Images[1].Repository.Pin(w.Digests[2])} },
		"without":                 func(c *sign.Config) { c.Sigstore.SigningConfig = "" },
		`"legacy" needs`:          func(c *sign.Config) { c.Layouts.Legacy, c.Sigstore.RekorVersions = true, sigstore.RekorVersions{2} },
		`"dockerhub-username" is`: func(c *sign.Config) { c.Registry = registry.Credentials{DockerHubUsername: "acme"} },
	} {
		c := good
		edit(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
