package buildpush

import (
	"context"
	"errors"
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
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
)

const workflow = "acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"

// earlier is what an earlier run left in the registries.
type earlier struct {
	platforms []string
	revision  string
	workflow  string
	statement func(image.Digest) intoto.Statement
	tag       string
	// lost is the number of registries that have lost the image.
	lost int
}

// leave puts it there, and returns the digest.
func (e earlier) leave(t *testing.T, w *world, instance *sigstoretest.Instance) image.Digest {
	t.Helper()
	ctx := t.Context()
	index, err := fakeIndex(e.platforms, e.revision)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	digest := image.Digest(hash.String())
	for _, repo := range w.cfg.Images[:len(w.cfg.Images)-e.lost] {
		push(t, repo.Pin(digest), index)
	}
	pinned := w.cfg.Images[0].Pin(digest)
	if err := w.deps.Registry.Tag(ctx, pinned, e.tag); err != nil {
		t.Fatal(err)
	}
	if e.statement == nil {
		return digest
	}
	signer, err := sigstore.NewSigner(ctx, instance.SigningConfig, sigstoretest.Token(e.workflow), time.Second, sigstore.Options{Transport: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	text, err := e.statement(digest).Marshal()
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
	three := []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}
	released := earlier{platforms: three, revision: revision, workflow: workflow, statement: intoto.Signature, tag: "1.2.3"}
	with := func(change func(*earlier)) earlier {
		e := released
		change(&e)
		return e
	}
	attestation := func(d image.Digest) intoto.Statement { return intoto.New(d, intoto.SPDX, []byte(`{}`)) }
	for _, test := range []struct {
		name   string
		left   earlier
		change func(*world)
		taken  bool
	}{
		{"released from this commit by this workflow", released, nil, true},
		{"released without platforms given", released, func(w *world) { w.cfg.Platforms = nil }, true},
		{"released, to be overwritten", released, func(w *world) { w.cfg.Overwrite = true }, false},
		{"no tag but a moving one", with(func(e *earlier) { e.tag = "1.2" }), nil, false},
		{"another commit", with(func(e *earlier) { e.revision = strings.Repeat("f", 40) }), nil, false},
		{"other platforms", with(func(e *earlier) { e.platforms = three[:2] }), nil, false},
		{"unsigned", with(func(e *earlier) { e.statement = nil }), nil, false},
		{"signed by another workflow", with(func(e *earlier) {
			e.workflow = strings.Replace(workflow, "release.yml", "test.yml", 1)
		}), nil, false},
		{"signed at another ref", with(func(e *earlier) { e.workflow = strings.Replace(workflow, "v1.2.3", "v1.2.4", 1) }), nil, false},
		{"attested, not signed", with(func(e *earlier) { e.statement = attestation }), nil, false},
		{"signed in another Sigstore", released, func(w *world) { w.cfg.Trust.TrustedRoot = sigstoretest.New(t).TrustedRoot }, false},
		{"no permission for a token", released, func(w *world) {
			w.deps.Token = func(context.Context, string) (secret.String, error) {
				return secret.String{}, errors.New("the job has no permission")
			}
		}, false},
		{"no commit known", released, func(w *world) { w.deps.Origin.Revision = "" }, false},
		{"no tags given", released, func(w *world) { w.cfg.ResumeTags = nil }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := resumable(t, instance)
			digest := test.left.leave(t, w, instance)
			if test.change != nil {
				test.change(w)
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
	digest := earlier{
		platforms: []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}, revision: revision,
		workflow: workflow, statement: intoto.Signature, tag: "1.2.3", lost: 1,
	}.leave(t, w, instance)
	_, err := Run(t.Context(), w.cfg, w.deps)
	if err == nil || !strings.Contains(strings.Join(hint.Of(err), ""), "crane copy "+w.cfg.Images[0].Pin(digest).String()+" "+w.cfg.Images[1].Pin(digest).String()) {
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
