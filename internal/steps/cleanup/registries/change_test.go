package registries_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/cleanup"
	"github.com/org/release-actions/internal/steps/cleanup/registries"
)

func TestWhatHasChangedSinceTheListing(t *testing.T) {
	t.Parallel()
	// Each happens after the listing; of which of the old release's manifests it
	// changes something, the rest says.
	changes := map[string]struct {
		happens func(w *world, old release)
		index   string // what is said of the index
		image   string // and of its image for amd64
	}{
		"nothing":         {func(*world, release) {}, "", ""},
		"another release": {func(w *world, _ release) { w.release("2.0") }, "", ""},
		"a new tag on the index": {
			func(w *world, old release) { w.tag(old.digest, "stable") }, `it has the tag "stable" now`, "",
		},
		"a tag moved to the image": {
			func(w *world, old release) { w.tag(old.amd64, "moving") }, "", `it has the tag "moving" now`,
		},
		"its tag moved away": {
			func(w *world, _ release) { w.pushIndex(empty.Index, "1.0") }, `its tag "1.0" points to`, "",
		},
		"a new index of the same image": {func(w *world, old release) {
			index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
			manifest := must[*v1.IndexManifest](w.t)(old.index.IndexManifest())
			img := must[v1.Image](w.t)(old.index.Image(manifest.Manifests[0].Digest))
			w.pushIndex(mutate.AppendManifests(index, mutate.IndexAddendum{Add: img}), "new")
		}, "", "refers to it"},
		"a new index of the index": {func(w *world, old release) {
			w.pushIndex(mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: old.index}), "new")
		}, "refers to it", ""},
		"a signature of the image": {func(w *world, old release) { w.sign(old.amd64) }, "", "to it|belongs to it"},
	}
	for _, kind := range kinds {
		shared := newWorld(t, kind)
		for name, change := range changes {
			t.Run(kind+", "+name, func(t *testing.T) {
				t.Parallel()
				w := shared.in(t, strings.ReplaceAll(name, " ", "-"))
				for _, tag := range []string{"moving", "0.8", "0.9"} {
					w.release(tag)
				}
				old := w.release("1.0")
				w.pushIndex(empty.Index, "moving")
				inv := w.list()
				change.happens(w, old)
				if kind == "ghcr" && strings.HasPrefix(change.index, "its tag") {
					change.index = "" // GitHub deletes the version, and not the tag that is elsewhere
				}
				for what, of := range map[string]struct {
					digest image.Digest
					want   string
				}{"index": {old.digest, change.index}, "image": {old.amd64, change.image}} {
					got, err := w.Recheck(t.Context(), w.repo, find(t, inv, of.digest))
					said := false
					for want := range strings.SplitSeq(of.want, "|") {
						said = said || strings.Contains(got, want)
					}
					if err != nil || !said || (got == "") != (of.want == "") {
						t.Errorf("%s: %q, %v; want %q", what, got, err, of.want)
					}
				}
			})
		}
	}
}

func TestWhatIsPushedAgainIsNew(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		w := newWorld(t, kind)
		old := w.release("1.0")
		w.release("1.1")
		inv := w.list()
		for _, d := range []image.Digest{old.signature, old.digest} {
			if err := w.Delete(t.Context(), w.repo, find(t, inv, d)); err != nil {
				t.Fatal(err)
			}
		}
		img := find(t, inv, old.amd64)
		if changed, err := w.Recheck(t.Context(), w.repo, img); changed != "" || err != nil {
			t.Errorf("%s: %q, %v", kind, changed, err)
		}
		w.pushIndex(old.index, "1.0")
		if changed, err := w.Recheck(t.Context(), w.repo, img); !strings.Contains(changed, "refers to it") || err != nil {
			t.Errorf("%s, pushed again: %q, %v", kind, changed, err)
		}
	}
}

func TestDeletionsAreDoneOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			old, kept := w.release("1.0", "old"), w.release("1.1")
			inv := w.list()
			for range 2 { // as a run that is resumed
				for _, d := range []image.Digest{old.digest, old.signature, old.attestation, old.amd64, old.arm64} {
					if changed, err := w.Recheck(t.Context(), w.repo, find(t, inv, d)); changed != "" || err != nil {
						t.Errorf("recheck: %q, %v", changed, err)
					}
					if err := w.Delete(t.Context(), w.repo, find(t, inv, d)); err != nil && (kind != "hub" || !errors.Is(err, cleanup.ErrHeld)) {
						t.Fatal(err)
					}
				}
			}
			for d, want := range map[image.Digest]bool{
				old.signature: false, old.digest: false, old.amd64: false, kept.digest: true, kept.arm64: true, kept.signature: true, kept.attestation: true,
			} {
				if there, err := w.client.Exists(t.Context(), w.repo.Pin(d)); err != nil || there != want {
					t.Errorf("%s is there: %v, %v", d, there, err)
				}
			}
			if _, err := w.client.Resolve(t.Context(), w.repo.Tag("old")); !errors.Is(err, registry.ErrNotFound) && kind != "oci" && kind != "oci without referrers" {
				t.Errorf("the tag is there: %v", err)
			}
			err := w.Restore(t.Context(), w.repo, find(t, inv, old.amd64))
			if kind != "ghcr" {
				if !errors.Is(err, cleanup.ErrNoRestore) {
					t.Errorf("restore: %v", err)
				}
				return
			}
			for _, d := range []image.Digest{old.amd64, old.arm64, old.attestation, old.digest, old.digest} {
				if err := w.Restore(t.Context(), w.repo, find(t, inv, d)); err != nil {
					t.Error(err)
				}
			}
			if got := w.resolve("old"); got != old.digest {
				t.Errorf("the tag points to %s", got)
			}
		})
	}
}

func TestWhatGHCRNeverDeletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ghcr")
	only := w.release("1.0")
	inv := w.list()
	// The list of referrers has a tag, too.
	list := find(t, inv, w.resolve("sha256-"+only.digest.Hex()))
	if err := w.Delete(t.Context(), w.repo, list); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.repo, find(t, inv, only.digest)); !errors.Is(err, cleanup.ErrLocked) || !strings.Contains(err.Error(), "last tagged version") {
		t.Errorf("error %v", err)
	}
}

func TestRegistriesThatDontDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "oci")
	old := w.release("1.0")
	inv := w.list()
	w.asked.fault = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			rw.WriteHeader(http.StatusMethodNotAllowed)
		}
		return r.Method == http.MethodDelete
	}
	err := w.Delete(t.Context(), w.repo, find(t, inv, old.digest))
	if !errors.Is(err, registry.ErrUnsupported) || !strings.Contains(fmt.Sprint(hint.Of(err)), "REGISTRY_STORAGE_DELETE_ENABLED") {
		t.Errorf("%v %q", err, hint.Of(err))
	}
}

func TestDockerHubsFaultsInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "hub")
	old := w.release("1.0")
	inv := w.list()
	index := find(t, inv, old.digest)
	if err := w.Delete(t.Context(), w.repo, find(t, inv, old.signature)); err != nil {
		t.Fatal(err)
	}
	// What still has an index can't go.
	// It answers 500, and does it all the same.
	path := "/v2/" + w.repo.Path() + "/manifests/"
	if err := w.Faults.Add(fault.Rule{Host: "index.docker.io", Method: "DELETE", Path: path, Count: 1, Status: 500, Late: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.repo, index); err != nil {
		t.Error(err)
	}
	// It answers 500, and hasn't done it.
	if err := w.Faults.Add(fault.Rule{Host: "index.docker.io", Method: "DELETE", Path: path, Count: 1, Status: 500}); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.repo, find(t, inv, old.amd64)); err == nil {
		t.Error("no error")
	}
	if err := w.Delete(t.Context(), w.repo, find(t, inv, old.amd64)); err != nil {
		t.Error(err)
	}
	// A tag that was just deleted still holds its manifest, for a moment.
	kept := w.release("1.1")
	if err := w.Faults.Add(fault.Rule{Host: "index.docker.io", Method: "DELETE", Path: path, Count: 1, Status: 403}); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.repo, find(t, w.list(), kept.signature)); !errors.Is(err, registry.ErrDenied) {
		t.Errorf("what never had a tag: %v", err)
	}
	if err := w.Delete(t.Context(), w.repo, find(t, w.list(), kept.signature)); err != nil {
		t.Error(err)
	}
	if err := w.Faults.Add(fault.Rule{Host: "index.docker.io", Method: "DELETE", Path: path, Count: 1, Status: 403}); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.repo, find(t, w.list(), kept.digest)); err != nil {
		t.Error(err)
	}
}

func TestDockerHubDeletesWhatIsHeldInTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "hub")
	old, kept := w.release("1.0"), w.release("1.1")
	image64 := w.sign(old.amd64)
	inv := w.list()
	order := []image.Digest{old.digest, old.amd64, image64, old.arm64, old.attestation, old.signature}
	for n, d := range order {
		if err := w.Delete(t.Context(), w.repo, find(t, inv, d)); err != nil && (n == len(order)-1 || !errors.Is(err, cleanup.ErrHeld)) {
			t.Fatal(err)
		}
		if _, err := w.client.Resolve(t.Context(), w.repo.Tag("1.0")); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("after %d deletions, the tag: %v", n+1, err)
		}
	}
	for _, d := range order {
		if there, err := w.client.Exists(t.Context(), w.repo.Pin(d)); there || err != nil {
			t.Errorf("%s is there: %v, %v", d, there, err)
		}
	}
	if after := w.list(); len(after.Versions) != 5 || len(find(t, after, kept.digest).Children) != 3 {
		t.Errorf("left are %d versions", len(after.Versions))
	}
}

func TestRegistriesWithoutALogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "oci", func(o *registries.Options) { o.GitHub, o.DockerHub = nil, nil })
	for repo, mend := range map[string]string{"ghcr.io/acme/hello": "github-token", "docker.io/acme/hello": "dockerhub-token"} {
		if _, err := w.List(t.Context(), repository(t, repo)); err == nil || !strings.Contains(fmt.Sprint(hint.Of(err)), mend) {
			t.Errorf("%s: %v %q", repo, err, hint.Of(err))
		}
	}
}
