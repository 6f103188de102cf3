package buildpush

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// release leaves in the first of the registries what an earlier run released,
// and returns the digest.
func release(t *testing.T, w *world, registries int, platforms ...string) image.Digest {
	t.Helper()
	index, err := fakeIndex(platforms, revision)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	digest := image.Digest(hash.String())
	for _, repo := range w.cfg.Images[:registries] {
		ref, err := name.NewDigest(repo.Pin(digest).String())
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.WriteIndex(ref, index, remote.WithContext(t.Context()), remote.WithAuth(&authn.Basic{Username: user, Password: password})); err != nil {
			t.Fatal(err)
		}
	}
	return digest
}

func (w *world) built() bool {
	_, err := os.Stat(w.report)
	return err == nil
}

func TestReleasedImageIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	w.cfg.Resume = release(t, w, len(w.cfg.Images), "linux/amd64", "linux/arm64", "linux/arm/v7")
	result, err := Run(t.Context(), w.cfg, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	if w.built() || result.Digest != w.cfg.Resume || len(result.Images) != 2 || len(result.Platforms) != 3 {
		t.Errorf("built: %v; digest %s, images %s of %s, want %s", w.built(), result.Digest, result.Images, result.Platforms, w.cfg.Resume)
	}
	if !strings.Contains(result.Summary(), "nothing was built") || !strings.Contains(string(result.Metadata), string(w.cfg.Resume)) {
		t.Errorf("metadata %s, summary:\n%s", result.Metadata, result.Summary())
	}
}

// TestReleasedImageIsReadBack: what can't be taken is no reason to build another,
// which could never have the version's tag.
func TestReleasedImageIsReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	w.cfg.Resume = release(t, w, 1, "linux/amd64", "linux/arm64", "linux/arm/v7")
	if _, err := Run(t.Context(), w.cfg, w.deps); !errors.Is(err, registry.ErrNotFound) || w.built() {
		t.Errorf("one registry lacks it: error %v, built: %v", err, w.built())
	}
	w.cfg.Resume = release(t, w, len(w.cfg.Images), "linux/amd64")
	if _, err := Run(t.Context(), w.cfg, w.deps); err == nil || !strings.Contains(err.Error(), "linux/arm/v7") || w.built() {
		t.Errorf("it has one platform: error %v, built: %v", err, w.built())
	}
}

func TestOnlyWhatIsPushedIsResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	no := false
	w.cfg.Resume, w.cfg.Push = image.Digest("sha256:"+strings.Repeat("1", 64)), &no
	if err := w.cfg.Validate(); err == nil || len(hint.Of(err)) != 1 {
		t.Errorf("error %v, hints %q", err, hint.Of(err))
	}
}
