package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/verify"
)

// release is a world whose image is tagged 1.2.3 and has all evidence, except
// what leaveOut names.
func release(t *testing.T, leaveOut ...string) *evidencetest.World {
	t.Helper()
	w := evidencetest.New(t)
	for n, r := range w.Registries {
		r.Tag(t, w.Digests[0], "1.2.3")
		var claims []evidence.Claim
		for _, d := range w.Digests {
			claims = append(claims, claim(d, intoto.CosignSign), claim(d, intoto.SPDX), claim(d, intoto.CycloneDX))
		}
		claims = remove(claims, leaveOut)
		// One after the other, so that a test can tell what is where.
		if _, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), repositories(w)[:n+1], claims); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func remove(claims []evidence.Claim, types []string) []evidence.Claim {
	var kept []evidence.Claim
	for _, c := range claims {
		if !strings.Contains(strings.Join(types, " "), c.Statement.PredicateType) {
			kept = append(kept, c)
		}
	}
	return kept
}

func claim(d image.Digest, predicateType string) evidence.Claim {
	switch predicateType {
	case intoto.SPDX:
		return evidence.Claim{Digest: d, Statement: intoto.New(d, predicateType, evidencetest.SPDX(d))}
	case intoto.CycloneDX:
		return evidence.Claim{Digest: d, Statement: intoto.New(d, predicateType, evidencetest.CycloneDX(d))}
	}
	return evidence.Claim{Digest: d, Statement: intoto.Signature(d)}
}

func repositories(w *evidencetest.World) []image.Repository {
	return []image.Repository{w.Registries[0].Repository, w.Registries[1].Repository}
}

func config(w *evidencetest.World) verify.Config {
	c := verify.Config{
		Platforms:    evidencetest.Platforms,
		Policy:       verify.Policy{Identity: evidencetest.Identity().Subject, Issuer: evidencetest.Identity().Issuer},
		Attestations: []verify.Kind{{intoto.SPDX}, {intoto.CycloneDX}},
		SBOMs:        true, Output: "text",
	}
	for _, r := range w.Registries {
		c.Images = append(c.Images, r.Repository.Tag("1.2.3"))
	}
	return c
}

func run(t *testing.T, w *evidencetest.World, c verify.Config) (verify.Result, error) {
	t.Helper()
	v, err := sigstore.NewVerifier(t.Context(), w.Trust(), sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return verify.Run(t.Context(), c, verify.Deps{Registry: w.Client, Verifier: v})
}

// sign returns a bundle that Workflow signed.
func sign(t *testing.T, w *evidencetest.World, workflow string, c evidence.Claim) []byte {
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

func TestACompleteReleaseIsVerified(t *testing.T) {
	t.Parallel()
	w := release(t)
	result, err := run(t, w, config(w))
	if err != nil {
		t.Fatal(err)
	}
	if result.Digest != w.Digests[0] {
		t.Errorf("digest %s", result.Digest)
	}
	var report verify.Report
	if err := json.Unmarshal(result.Report, &report); err != nil {
		t.Fatal(err)
	}
	// The digest once, platforms in each registry, and three claims about four manifests in each.
	if report.Verdict != verify.Verified || len(report.Checks) != 1+2+2*4*3 {
		t.Errorf("%s with %d checks", report.Verdict, len(report.Checks))
	}
	for _, c := range report.Checks {
		if c.Claim == "signature" && (c.LogIndex == nil || c.Time == nil || c.Identity != evidencetest.Identity().Subject) {
			t.Errorf("%+v", c)
		}
	}
}

func TestADigestIsVerifiedToo(t *testing.T) {
	t.Parallel()
	w := release(t)
	c := config(w)
	c.Images = []image.Ref{w.Images[1].Ref()}
	c.Policy.Identity, c.Policy.IdentityRegexp = "", `https://github\.com/acme/app/\.github/workflows/release\.yml@refs/tags/v.*`
	if _, err := run(t, w, c); err != nil {
		t.Error(err)
	}
}

func TestWithoutSBOMsTheSignatureIsEnough(t *testing.T) {
	t.Parallel()
	w := release(t, intoto.SPDX, intoto.CycloneDX)
	c := config(w)
	if _, err := run(t, w, c); !errors.Is(err, verify.ErrRefused) {
		t.Errorf("with SBOMs: %v", err)
	}
	c.SBOMs = false
	if _, err := run(t, w, c); err != nil {
		t.Errorf("without: %v", err)
	}
}

func TestAnIncompleteReleaseIsRefused(t *testing.T) {
	t.Parallel()
	for missing, want := range map[string]string{
		intoto.CosignSign: "signature: there is none",
		intoto.SPDX:       "SPDX: there is none",
		intoto.CycloneDX:  "CycloneDX: there is none",
	} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			w := release(t, missing)
			refused(t, w, config(w), want)
		})
	}
}

// refused runs the step and checks that it says why, and lets nobody think
// otherwise.
func refused(t *testing.T, w *evidencetest.World, c verify.Config, wants ...string) {
	t.Helper()
	result, err := run(t, w, c)
	if !errors.Is(err, verify.ErrRefused) || errors.Is(err, verify.ErrUndecided) {
		t.Fatalf("got %v", err)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if result.Digest != "" || !bytes.Contains(result.Report, []byte(`"verdict":"refused"`)) || len(hint.Of(err)) == 0 {
		t.Errorf("got digest %q, report %s", result.Digest, result.Report)
	}
}

func TestAnotherSignerIsRefusedByName(t *testing.T) {
	t.Parallel()
	w := release(t)
	for name, edit := range map[string]func(*verify.Config){
		"another tag":    func(c *verify.Config) { c.Policy.Identity += "4" },
		"a part of it":   func(c *verify.Config) { c.Policy.Identity = "https://github.com/acme/app" },
		"another issuer": func(c *verify.Config) { c.Policy.Issuer = "https://accounts.example" },
		"an open regexp": func(c *verify.Config) { c.Policy.Identity, c.Policy.IdentityRegexp = "", "https://github.com/acme/app" },
		"another's regexp": func(c *verify.Config) {
			c.Policy.Identity, c.Policy.IdentityRegexp = "", "https://github.com/acme/application/.*"
		},
		"a suffix's regexp": func(c *verify.Config) { c.Policy.Identity, c.Policy.IdentityRegexp = "", `.*@refs/tags/v1\.2` },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(w)
			edit(&c)
			refused(t, w, c, evidencetest.Identity().Subject, "not by subject")
		})
	}
}

func TestASignerWhoseNameBeginsLikeOursIsRefused(t *testing.T) {
	t.Parallel()
	const evil = "acme/app-evil/.github/workflows/release.yml@refs/tags/v1.2.3"
	w := release(t, intoto.CosignSign)
	for n := range w.Registries {
		for _, d := range w.Digests {
			w.Attach(t, n, d, intoto.CosignSign, sign(t, w, evil, claim(d, intoto.CosignSign)))
		}
	}
	c := config(w)
	refused(t, w, c, "acme/app-evil")
	c.Policy.Identity, c.Policy.IdentityRegexp = "", "https://github.com/acme/app"
	refused(t, w, c, "acme/app-evil")
}

func TestARegistryThatLacksTheEvidenceIsNamed(t *testing.T) {
	t.Parallel()
	w := evidencetest.New(t)
	var claims []evidence.Claim
	for _, d := range w.Digests {
		claims = append(claims, claim(d, intoto.CosignSign))
	}
	for _, r := range w.Registries {
		r.Tag(t, w.Digests[0], "1.2.3")
	}
	if _, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), repositories(w)[:1], claims); err != nil {
		t.Fatal(err)
	}
	c := config(w)
	c.SBOMs = false
	_, err := run(t, w, c)
	if err == nil || strings.Contains(err.Error(), w.Registries[0].Repository.String()) || !strings.Contains(err.Error(), w.Registries[1].Repository.String()) {
		t.Errorf("got %v", err)
	}
}

func TestDifferentDigestsAreRefused(t *testing.T) {
	t.Parallel()
	w := release(t)
	older := w.Registries[1].PushImage(t, evidencetest.Platforms[:2]...)
	w.Registries[1].Tag(t, older[0], "1.2.3")
	refused(t, w, config(w), "same digest", string(older[0]), "lacks linux/arm/v7")
}

func TestAMissingPlatformIsRefused(t *testing.T) {
	t.Parallel()
	w := release(t)
	c := config(w)
	c.Platforms = append(c.Platforms, image.Platform{OS: "linux", Arch: "s390x"})
	refused(t, w, c, "lacks linux/s390x")
}

func TestAPlatformWhoseManifestIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	w := release(t)
	w.Registries[1].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/"+string(w.Digests[2])) {
			rw.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	})
	refused(t, w, config(w), "linux/arm64: manifest")
}

func TestATagThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	w := release(t)
	c := config(w)
	c.Images[1].Tag = "9.9.9"
	result, err := run(t, w, c)
	if !errors.Is(err, verify.ErrRefused) || result.Digest != "" {
		t.Errorf("got %v", err)
	}
}

func TestWhatCanNotBeReadIsNoPassAndNoRefusal(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{"name": "/manifests/1.2.3", "listing": "/referrers/", "bundle": "/blobs/", "everything": "/v2/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := release(t)
			w.Registries[0].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, part) {
					rw.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
				return false
			})
			result, err := run(t, w, config(w))
			if !errors.Is(err, verify.ErrUndecided) || errors.Is(err, verify.ErrRefused) {
				t.Fatalf("got %v", err)
			}
			if result.Digest != "" || !bytes.Contains(result.Report, []byte(`"verdict":"undecided"`)) || len(hint.Of(err)) == 0 {
				t.Errorf("got digest %q, report %s, mends %q", result.Digest, result.Report, hint.Of(err))
			}
		})
	}
}

func TestAnotherInstanceIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := release(t)
	v, err := sigstore.NewVerifier(t.Context(), sigstore.Trust{TrustedRoot: sigstoretest.New(t).TrustedRoot}, sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Run(t.Context(), config(w), verify.Deps{Registry: w.Client, Verifier: v}); !errors.Is(err, verify.ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestACancelledRunIsNoVerdict(t *testing.T) {
	t.Parallel()
	w := release(t)
	v, err := sigstore.NewVerifier(t.Context(), w.Trust(), sigstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := verify.Run(ctx, config(w), verify.Deps{Registry: w.Client, Verifier: v})
	if !errors.Is(err, context.Canceled) || result.Digest != "" {
		t.Errorf("got %v, %s", err, result.Digest)
	}
}
