package verify_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"

	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/verify"
)

// unsigned is the world of a release whose signatures somebody else supplies.
func unsigned(t *testing.T) *evidencetest.World {
	t.Helper()
	return release(t, intoto.CosignSign)
}

// signedBy is an unsigned release that a job of workflow signed.
func signedBy(workflow string, further ...map[string]string) func(*testing.T) *evidencetest.World {
	return func(t *testing.T) *evidencetest.World {
		t.Helper()
		w := unsigned(t)
		for _, d := range w.Digests {
			attach(t, w, claim(d, intoto.CosignSign), workflow, further...)
		}
		return w
	}
}

// attached is an unsigned release where made makes the signature of each digest.
func attached(made func(t *testing.T, w *evidencetest.World, n int) []byte) func(*testing.T) *evidencetest.World {
	return func(t *testing.T) *evidencetest.World {
		t.Helper()
		w := unsigned(t)
		for r := range w.Registries {
			for n, d := range w.Digests {
				w.Attach(t, r, d, intoto.CosignSign, made(t, w, n))
			}
		}
		return w
	}
}

// swapped is a release whose tag leads to an index that names the true images
// but for one of an attacker's.
func swapped(t *testing.T) *evidencetest.World {
	t.Helper()
	w := release(t)
	for _, r := range w.Registries {
		theirs := r.PushImage(t, image.Platform{OS: "linux", Arch: "amd64", Variant: "v3"})
		read := func(d image.Digest) registry.Manifest {
			m, err := w.Client.Manifest(t.Context(), r.Repository.Pin(d))
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		var index, other v1.IndexManifest
		for d, into := range map[image.Digest]*v1.IndexManifest{w.Digests[0]: &index, theirs[0]: &other} {
			if err := json.Unmarshal(read(d).Raw, into); err != nil {
				t.Fatal(err)
			}
		}
		index.Manifests[0].Digest, index.Manifests[0].Size = other.Manifests[0].Digest, other.Manifests[0].Size
		raw, err := json.Marshal(index)
		if err != nil {
			t.Fatal(err)
		}
		m := registry.NewManifest(string(types.OCIImageIndex), raw)
		if err := w.Client.PutManifest(t.Context(), r.Repository, m); err != nil {
			t.Fatal(err)
		}
		r.Tag(t, m.Digest, "1.2.3")
	}
	return w
}

// foreign is a release whose registry without the Referrers API lists, for
// the index, what refers to a platform's image.
func foreign(t *testing.T) *evidencetest.World {
	t.Helper()
	w := release(t)
	r := w.Registries[1]
	tag := func(d image.Digest) image.Ref { return r.Repository.Tag("sha256-" + d.Hex()) }
	theirs, err := w.Client.Resolve(t.Context(), tag(w.Digests[1]))
	if err != nil {
		t.Fatal(err)
	}
	r.Tag(t, theirs.Digest, tag(w.Digests[0]).Tag)
	return w
}

// silent is a release in a registry that answers every question for referrers
// with 200 and an empty list.
func silent(t *testing.T) *evidencetest.World {
	t.Helper()
	w := release(t)
	w.Registries[0].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			return false
		}
		rw.Header().Set("Content-Type", string(types.OCIImageIndex))
		_, _ = io.WriteString(rw, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
		return true
	})
	return w
}

// expired is a release that was signed with certificates that had run out, and
// no timestamp says otherwise.
func expired(t *testing.T) *evidencetest.World {
	t.Helper()
	w := unsigned(t)
	w.Sigstore.Age = 20 * time.Minute
	w.Sigstore.SigningConfig = w.Sigstore.ChangeSigningConfig(t, func(c *prototrustroot.SigningConfig) { c.TsaUrls = nil }, 1)
	for _, d := range w.Digests {
		attach(t, w, claim(d, intoto.CosignSign), evidencetest.Workflow)
	}
	return w
}

// TestForgeries is the table of what an attacker with a registry, or with a
// workflow of their own, may try.
func TestForgeries(t *testing.T) {
	t.Parallel()
	const ours = evidencetest.Workflow
	for name, test := range map[string]struct {
		world func(*testing.T) *evidencetest.World
		edit  func(*verify.Config)
		want  []string // each is in the error
	}{
		"unsigned": {unsigned, nil, []string{"index: signature: there is none", "linux/amd64: signature: there is none"}},
		"signed by another repository": {signedBy(strings.Replace(ours, "acme/app", "evil/app", 1)), nil,
			[]string{`signed by subject "https://github.com/evil/app/.github/workflows/release.yml@refs/tags/v1.2.3"`}},
		"signed by another workflow": {signedBy(strings.Replace(ours, "release.yml", "test.yml", 1)), nil, []string{`signed by subject "https://github.com/acme/app/.github/workflows/test.yml@`}},
		"signed at another ref":      {signedBy(strings.Replace(ours, "refs/tags/v1.2.3", "refs/heads/main", 1)), nil, []string{`release.yml@refs/heads/main" of issuer`}},
		"signed by another issuer":   {signedBy(ours, map[string]string{"iss": "https://issuer.evil"}), nil, []string{`of issuer "https://issuer.evil", not by subject`}},
		"signed for another caller": {signedBy(ours, map[string]string{"repository": "evil/app"}), func(c *verify.Config) { c.Policy.Repository = "acme/app" },
			[]string{`signed for a run of "https://github.com/evil/app", not of "https://github.com/acme/app"`}},
		"a bundle of another digest": {attached(func(t *testing.T, w *evidencetest.World, n int) []byte {
			t.Helper()
			return sign(t, w, ours, claim(w.Digests[(n+1)%len(w.Digests)], intoto.CosignSign))
		}), nil, []string{"provided artifact digest does not match any digest in statement"}},
		"an SBOM passed off as a signature": {attached(func(t *testing.T, w *evidencetest.World, n int) []byte {
			t.Helper()
			return sign(t, w, ours, claim(w.Digests[n], intoto.SPDX))
		}), nil, []string{"signature: there is none: an attestation is no signature"}},
		"a message signature passed off": {attached(func(t *testing.T, w *evidencetest.World, n int) []byte {
			t.Helper()
			bundle, err := w.Publisher(t, ours).Signer.SignMessage(t.Context(), []byte(w.Digests[n]))
			if err != nil {
				t.Fatal(err)
			}
			return bundle
		}), nil, []string{"the bundle holds no in-toto statement"}},
		"an SBOM of another image": {func(t *testing.T) *evidencetest.World {
			t.Helper()
			w := release(t, intoto.SPDX)
			for n, d := range w.Digests {
				c := claim(d, intoto.SPDX)
				c.Statement.Predicate = evidencetest.SPDX(w.Digests[(n+1)%len(w.Digests)])
				attach(t, w, c, ours)
			}
			return w
		}, nil, []string{"the attested SPDX document describes sha256:"}},
		"a missing platform": {func(t *testing.T) *evidencetest.World { t.Helper(); return release(t) }, func(c *verify.Config) {
			c.Platforms = append(c.Platforms, image.Platform{OS: "linux", Arch: "s390x"})
		}, []string{"lacks linux/s390x; has linux/amd64, linux/arm64, linux/arm/v7"}},
		"a swapped child": {swapped, func(c *verify.Config) { c.Platforms = nil },
			[]string{"index: signature: there is none", "linux/amd64: signature: there is none"}},
		"an expired certificate": {expired, nil, []string{"integrated time outside certificate validity"}},
		"an unknown log": {func(t *testing.T) *evidencetest.World {
			t.Helper()
			w := release(t)
			w.Sigstore.TrustedRoot = w.Sigstore.WriteTrustedRoot(t, func(r *prototrustroot.TrustedRoot) {
				for _, log := range r.Tlogs { // the names stay, so that an entry's key is what fails
					log.LogId.KeyId[0] ^= 1
				}
			})
			return w
		}, nil, []string{"not enough verified log entries from transparency log: 0 < 1"}},
		"a foreign referrer": {foreign, nil, []string{"index: signature: there is none that counts: bundle sha256:", "is listed for it, and refers to \"sha256:"}},
		"a registry that answers nothing": {silent, nil,
			[]string{"index: signature: there is none: the registry lists nothing that refers to it", "index: SPDX: there is none: the registry lists nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := test.world(t)
			c := config(w)
			if test.edit != nil {
				test.edit(&c)
			}
			refused(t, w, c, test.want...)
		})
	}
}

func TestBytesOfAnotherDigestAreNoPass(t *testing.T) {
	t.Parallel()
	w := release(t)
	theirs, err := w.Client.Manifest(t.Context(), w.Registries[0].Repository.Pin(w.Digests[2]))
	if err != nil {
		t.Fatal(err)
	}
	w.Registries[0].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/manifests/"+string(w.Digests[1])) {
			return false
		}
		rw.Header().Set("Content-Type", theirs.MediaType)
		_, _ = rw.Write(theirs.Raw)
		return true
	})
	result, err := run(t, w, config(w))
	if err == nil || result.Digest != "" || !strings.Contains(err.Error(), "does not match requested digest") {
		t.Errorf("got %v", err)
	}
}

func TestAKeySignsInPlaceOfAWorkflow(t *testing.T) {
	t.Parallel()
	c := verify.Config{Output: "text", Trust: sigstore.Trust{Key: "cosign.pub"}, Attestations: []verify.Kind{{PredicateType: intoto.SPDX}}, SBOMs: true}
	c.Policy.Issuer = "https://issuer.example"
	if err := c.Validate(); err != nil {
		t.Errorf("a key alone: %v", err)
	}
	for want, edit := range map[string]func(*verify.Config){
		"both say who must have signed": func(c *verify.Config) { c.Policy.Identity = "https://example.com/x" },
		"say what provenance must":      func(c *verify.Config) { c.Policy.Commit = strings.Repeat("a", 40) },
	} {
		c := c
		edit(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
