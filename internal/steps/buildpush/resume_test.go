package buildpush

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

const workflow = "acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"

// release leaves in the first of the registries what an earlier run released
// from revision, and returns the digest.
func release(t *testing.T, w *world, instance *sigstoretest.Instance, revision string, registries int) image.Digest {
	t.Helper()
	ctx := t.Context()
	index, err := fakeIndex([]string{"linux/amd64", "linux/arm64", "linux/arm/v7"}, revision)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	digest := image.Digest(hash.String())
	for _, repo := range w.cfg.Images[:registries] {
		push(t, repo.Pin(digest), index)
	}
	pinned := w.cfg.Images[0].Pin(digest)
	if err := w.deps.Registry.Tag(ctx, pinned, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	signer, err := sigstore.NewSigner(ctx, sigstore.Instance{SigningConfig: instance.SigningConfig}, sigstoretest.Token(workflow), time.Second, sigstore.Options{Transport: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	text, err := intoto.Signature(digest).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := signer.Sign(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.deps.Registry.Attach(ctx, pinned, registry.Artifact{
		ArtifactType: sigstore.BundleMediaType, MediaType: sigstore.BundleMediaType, Content: bundle,
	}); err != nil {
		t.Fatal(err)
	}
	return digest
}

func push(t *testing.T, pinned image.Pinned, index v1.ImageIndex) {
	t.Helper()
	ref, err := name.NewDigest(pinned.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index, remote.WithContext(t.Context()), remote.WithAuth(&authn.Basic{Username: user, Password: password})); err != nil {
		t.Fatal(err)
	}
}

func TestReleasedImageIsTakenOrBuiltAnew(t *testing.T) {
	t.Parallel()
	instance := sigstoretest.New(t)
	for _, test := range []struct {
		name, revision string
		change         func(*Config)
		taken          bool
	}{
		{"released from this commit by this workflow", revision, nil, true},
		{"released without platforms given", revision, func(c *Config) { c.Platforms = nil }, true},
		{"released, to be overwritten", revision, func(c *Config) { c.Overwrite = true }, false},
		{"released from another commit", strings.Repeat("f", 40), nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := resumable(t, instance)
			digest := release(t, w, instance, test.revision, len(w.cfg.Images))
			if test.change != nil {
				test.change(&w.cfg)
			}
			result, err := Run(t.Context(), w.cfg, w.deps)
			if err != nil {
				t.Fatal(err)
			}
			_, statErr := os.Stat(w.report)
			if built := statErr == nil; built == test.taken || (result.Digest == digest) != test.taken {
				t.Errorf("built: %v, digest %s of %s, want taken: %v\n%s", built, result.Digest, digest, test.taken, w.log.String())
			}
			if test.taken != strings.Contains(result.Summary(), "nothing was built") {
				t.Errorf("summary:\n%s", result.Summary())
			}
			if test.taken && !strings.Contains(string(result.Metadata), string(digest)) {
				t.Errorf("metadata %s", result.Metadata)
			}
		})
	}
}

func TestReleasedImageThatARegistryLacksIsNoReasonToBuildAnother(t *testing.T) {
	t.Parallel()
	instance := sigstoretest.New(t)
	w := resumable(t, instance)
	release(t, w, instance, revision, 1)
	if _, err := Run(t.Context(), w.cfg, w.deps); err == nil || len(hint.Of(err)) == 0 {
		t.Errorf("error %v, hints %q", err, hint.Of(err))
	}
	if _, err := os.Stat(w.report); err == nil {
		t.Error("it was built")
	}
}

// resumable is a world with metadata's tags, in a job that has a token.
func resumable(t *testing.T, instance *sigstoretest.Instance) *world {
	t.Helper()
	w := newWorld(t, "push")
	for _, repo := range w.cfg.Images {
		w.cfg.ResumeTags = append(w.cfg.ResumeTags, repo.Tag("1.2.3"), repo.Tag("1.2"), repo.Tag("latest"))
	}
	w.cfg.Trust.TrustedRoot = instance.TrustedRoot
	w.deps.Token = sigstoretest.Token(workflow)
	return w
}
