package registries_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/steps/cleanup/registries"
)

func TestAnInventoryHasWhatAVersionNeeds(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			complete := kind == "ghcr" || kind == "hub"
			w.Clock.SetAhead(-100 * 24 * time.Hour)
			old := w.release("1.0")
			w.Clock.SetAhead(0)
			nested := w.pushIndex(mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: old.index}), "all")
			lone := w.release() // without a tag
			again := w.release("1.1", "latest")
			w.forget()
			inv := w.list()
			if inv.Repository != w.repo || inv.Complete != complete || inv.TagsOnly {
				t.Errorf("inventory of %s, complete %v, tags only %v", inv.Repository, inv.Complete, inv.TagsOnly)
			}
			index := find(t, inv, again.digest)
			if !strings.HasSuffix(index.MediaType, "index.v1+json") || sorted(index.Tags) != "[1.1 latest]" || len(index.Children) != 3 {
				t.Errorf("index %+v", index)
			}
			if c := index.Children[0]; c.Digest != again.amd64 || c.Platform != "linux/amd64" || c.Attests != "" {
				t.Errorf("child %+v", c)
			}
			if c := index.Children[1]; c.Digest != again.attestation || c.Attests != again.amd64 || c.Platform != "" {
				t.Errorf("attestation %+v", c)
			}
			child := find(t, inv, again.arm64)
			if child.MediaType != string(types.OCIManifestSchema1) || child.Size == 0 || child.Tags != nil || child.Unreadable != "" || child.Gone {
				t.Errorf("image %+v", child)
			}
			if v := find(t, inv, nested); len(v.Children) != 1 || v.Children[0].Digest != old.digest {
				t.Errorf("index of an index %+v", v)
			}
			// Whose signature it is: the referrer says so, or the list of referrers that has it.
			signature := find(t, inv, again.signature)
			listed := slices.ContainsFunc(inv.Versions, func(v retention.Version) bool {
				return slices.Contains(v.Tags, "sha256-"+again.digest.Hex()) && len(v.Children) == 1 && v.Children[0].Digest == again.signature
			})
			if signature.Subject != again.digest && !listed || signature.ArtifactType == "" {
				t.Errorf("signature %+v", signature)
			}
			if age := time.Since(find(t, inv, old.digest).Pushed); age < 99*24*time.Hour || age > 101*24*time.Hour {
				t.Errorf("the old release is %s old", age)
			}
			if complete {
				if v := find(t, inv, lone.digest); len(v.Children) != 3 || v.Tags != nil {
					t.Errorf("index without a tag %+v", v)
				}
			}
			for reference, n := range w.reads() {
				if n > 1 {
					t.Errorf("%s was read %d times", reference, n)
				}
			}
			if kind == "ghcr" || kind == "hub" {
				for _, d := range []image.Digest{old.amd64, lone.arm64, again.amd64, again.attestation} {
					if w.reads()[string(d)] > 0 {
						t.Errorf("%s was read, which its index tells all of", d)
					}
				}
			}
		})
	}
}

func TestBlobsOfWhatAnIndexTells(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		w := newWorld(t, kind)
		r := w.release("1.0")
		inv := w.list()
		if v := find(t, inv, r.arm64); v.Blobs != nil && kind == "ghcr" {
			t.Errorf("%s: the image was read: %+v", kind, v)
		}
		nowhere := image.Digest("sha256:" + strings.Repeat("0", 64))
		blobs := w.Blobs(t.Context(), w.repo, []image.Digest{r.amd64, r.arm64, nowhere})
		if len(blobs) != 2 || len(blobs[r.arm64]) != 2 || blobs[r.arm64][1].Size == 0 {
			t.Errorf("%s: %v", kind, blobs)
		}
	}
}

func TestManifestsAreReadOnceForAllRuns(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			withCache := func(o *registries.Options) { o.CacheDir = dir }
			w := newWorld(t, kind, withCache)
			first := w.release("1.0")
			before := w.list()
			w.forget()
			w.open(w.transport(), withCache)
			if after := w.list(); len(after.Versions) != len(before.Versions) || len(find(t, after, first.digest).Children) != 3 {
				t.Errorf("%d versions, %d before", len(after.Versions), len(before.Versions))
			}
			if reads := w.reads(); len(reads) > 0 {
				t.Errorf("read again: %v", reads)
			}
			// What isn't what its name says is read anew.
			if err := os.WriteFile(filepath.Join(dir, "sha256", first.digest.Hex()), []byte(`{"schemaVersion":2,"manifests":[]}`), 0o644); err != nil {
				t.Fatal(err)
			}
			w.forget()
			w.open(w.transport(), withCache)
			if len(find(t, w.list(), first.digest).Children) != 3 || len(w.reads()) != 1 {
				t.Errorf("after tampering %v", w.reads())
			}
		})
	}
}

func TestWhatCantBeReadIsListedAsSuch(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ghcr", "hub"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			good, bad, gone := w.release("1.0"), w.release("1.1"), w.release("1.2")
			host := map[string]string{"ghcr": "ghcr.io", "hub": "index.docker.io"}[kind]
			path := "/v2/" + w.repo.Path() + "/manifests/"
			err := w.Faults.Add(
				fault.Rule{Host: host, Method: "GET", Path: path + string(bad.digest), Status: http.StatusInternalServerError},
				fault.Rule{Host: host, Method: "GET", Path: path + string(gone.digest), Status: http.StatusNotFound},
			)
			if err != nil {
				t.Fatal(err)
			}
			inv := w.list()
			if v := find(t, inv, bad.digest); !strings.Contains(v.Unreadable, "500") || v.Gone {
				t.Errorf("unreadable %+v", v)
			}
			if v := find(t, inv, gone.digest); !v.Gone || v.Unreadable != "" {
				t.Errorf("gone %+v", v)
			}
			if v := find(t, inv, good.digest); v.Unreadable != "" || v.Gone || len(v.Children) != 3 {
				t.Errorf("good %+v", v)
			}
			// Just pushed, it may only be on its way.
			w.open(w.transport(), func(o *registries.Options) { o.Now = w.Clock.Now })
			if v := find(t, w.list(), gone.digest); v.Gone || v.Unreadable == "" {
				t.Errorf("just pushed %+v", v)
			}
			// Where nothing more can be learnt, there is no inventory.
			w.Faults.Clear()
			for status, kind := range map[int]error{http.StatusTooManyRequests: registry.ErrRateLimited, http.StatusUnauthorized: registry.ErrDenied} {
				if err := w.Faults.Add(fault.Rule{Host: host, Method: "GET", Path: path, Skip: 1, Status: status}); err != nil {
					t.Fatal(err)
				}
				if _, err := w.List(t.Context(), w.repo); !errors.Is(err, kind) {
					t.Errorf("%d: %v", status, err)
				}
				w.Faults.Clear()
			}
			if err := w.Faults.Add(fault.Rule{Host: host, Method: "GET", Path: path, Skip: 1, Reset: true}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.List(t.Context(), w.repo); err == nil {
				t.Error("the network is cut, and there is an inventory")
			}
		})
	}
}

func TestDockerHubWithoutItsListOfManifests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "hub")
	first, second := w.release("1.0"), w.release("1.1", "latest")
	if err := w.Faults.Add(fault.Rule{Host: "hub.docker.com", Path: "/v2/namespaces/acme/repositories/hello/manifests", Status: http.StatusNotFound}); err != nil {
		t.Fatal(err)
	}
	inv := w.list()
	if inv.Complete || !inv.TagsOnly || len(inv.Versions) != 2 {
		t.Fatalf("inventory %+v", inv)
	}
	v := find(t, inv, first.digest)
	if err := w.Delete(t.Context(), w.repo, v); err != nil {
		t.Fatal(err)
	}
	if tags, err := w.client.Tags(t.Context(), w.repo); err != nil || sorted(tags) != "[1.1 latest]" {
		t.Errorf("tags %v, %v", tags, err)
	}
	for _, d := range []image.Digest{first.digest, second.digest} {
		if there, err := w.client.Exists(t.Context(), w.repo.Pin(d)); err != nil || !there {
			t.Errorf("%s is there: %v, %v", d, there, err)
		}
	}
	// Where the API has other trouble, that is the error.
	w.Faults.Clear()
	if err := w.Faults.Add(fault.Rule{Host: "hub.docker.com", Path: "/v2/namespaces/acme/repositories/hello/manifests", Status: http.StatusServiceUnavailable}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.List(t.Context(), w.repo); err == nil {
		t.Error("no error")
	}
	w.Faults.Clear()
	if err := w.Faults.Add(fault.Rule{Host: "hub.docker.com", Path: "/v2/namespaces/acme/repositories/hello/manifests", Reset: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.List(t.Context(), w.repo); err == nil {
		t.Error("no error where the network is cut")
	}
}

func TestTagsThatDockerHubsAPIDoesntList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "hub")
	w.release("1.0")
	hidden := w.release("0.1")
	body := `{"count":1,"results":[{"name":"1.0","digest":"` + string(w.resolve("1.0")) + `","tag_last_pushed":"2026-01-01T00:00:00Z"}]}`
	if err := w.Faults.Add(fault.Rule{Host: "hub.docker.com", Path: "/v2/namespaces/acme/repositories/hello/tags", Count: 1, Status: http.StatusOK, Body: body}); err != nil {
		t.Fatal(err)
	}
	if v := find(t, w.list(), hidden.digest); sorted(v.Tags) != "[0.1]" {
		t.Errorf("%+v", v)
	}
}

func TestPatternsOfRepositories(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ghcr")
	w.release("1")
	w.repo = repository(t, "ghcr.io/acme/other")
	w.release("1")
	hub := newWorld(t, "hub")
	hub.release("1")
	for pattern, want := range map[string]string{
		"ghcr.io/acme/*":       "ghcr.io/acme/other",
		"ghcr.io/acme/**":      "ghcr.io/acme/hello/sub ghcr.io/acme/other",
		"ghcr.io/acme/hel*/s*": "ghcr.io/acme/hello/sub",
		"ghcr.io/acme/none":    "ghcr.io/acme/none",
		"ghcr.io/acme/z*":      "",
		"ghcr.io/*/hello":      "",
		"quay.io/acme/*":       "",
		"acme/*":               "docker.io/acme/hello",
		"docker.io/acme/h*":    "docker.io/acme/hello",
	} {
		of := w
		if !strings.HasPrefix(pattern, "ghcr.io") {
			of = hub
		}
		found, err := of.Repositories(t.Context(), pattern)
		var names []string
		for _, r := range found {
			names = append(names, r.String())
		}
		if got := strings.Join(names, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v", pattern, got, err)
		}
	}
}
