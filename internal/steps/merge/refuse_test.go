package merge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/registry"
)

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		give func(*world) []string // returns what the error must name
		mend string
	}{
		{"a platform that is missing", func(w *world) []string {
			w.give(w.push(w.attested("linux/amd64", "linux/arm64"), 0))
			return []string{"platform linux/arm/v7 is in none"}
		}, `leave it out of "platforms"`},
		{"a platform in two digests", func(w *world) []string {
			all, one := w.push(w.attested("linux/amd64", "linux/arm64", "linux/arm/v7"), 0), w.push(w.plain("linux/amd64"), 0)
			w.give(all, one)
			return []string{all, one, "both for linux/amd64"}
		}, `leave one of them out of "digests"`},
		{"a platform twice in one digest", func(w *world) []string {
			all := w.push(w.attested("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm64"), 0)
			w.give(all)
			return []string{all, "has linux/arm64 twice"}
		}, "its build"},
		{"a platform that nobody asked for", func(w *world) []string {
			all := w.push(w.attested("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"), 0)
			w.give(all)
			return []string{all, "is for linux/s390x"}
		}, `add it to "platforms"`},
		{"labels that are mixed up", func(w *world) []string {
			amd64, arm64 := w.push(w.plain("linux/amd64"), 0), w.push(w.attested("linux/arm64"), 0)
			w.give("linux/arm64="+amd64, "linux/amd64="+arm64, w.push(w.plain("linux/arm/v7"), 0))
			return []string{amd64 + `" is given as linux/arm64, and is for linux/amd64`, arm64 + `" is given as linux/amd64, and is for linux/arm64`}
		}, "see which build"},
		{"several platforms under one label", func(w *world) []string {
			all := w.push(w.attested("linux/amd64", "linux/arm64", "linux/arm/v7"), 0)
			w.give("linux/amd64=" + all)
			return []string{"is given as linux/amd64, and is for linux/amd64, linux/arm64, linux/arm/v7"}
		}, `without "linux/amd64="`},
		{"a digest that is nowhere", func(w *world) []string {
			none := "sha256:" + strings.Repeat("0", 64)
			w.give(w.push(w.attested("linux/amd64", "linux/arm64"), 0), "linux/arm/v7="+none)
			return []string{none, `in no repository of "images"`}
		}, `the same "images"`},
		{"a build that was pushed to one registry only", func(w *world) []string {
			half := w.push(w.plain("linux/arm/v7"), 1)
			w.give(w.push(w.attested("linux/amd64", "linux/arm64"), 0), half)
			return []string{half, fmt.Sprintf("is not in %q", w.cfg.Images[1])}
		}, "crane copy"},
		{"an index whose image a registry has lost", func(w *world) []string {
			all := w.push(w.attested("linux/amd64", "linux/arm64", "linux/arm/v7"), 0)
			w.give(all)
			lost := w.digestOf(w.plain("linux/arm64"))
			w.Registries[1].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, lost) {
					return false
				}
				rw.WriteHeader(http.StatusNotFound)
				return true
			})
			return []string{lost, all, fmt.Sprintf("is not in %q", w.cfg.Images[1])}
		}, "crane copy"},
		{"an attestation whose subject isn't there", func(w *world) []string {
			index := mutate.AppendManifests(w.attested("linux/amd64", "linux/arm64", "linux/arm/v7"), w.attestation("what", "sha256:"+strings.Repeat("1", 64)))
			all := w.push(index, 0)
			w.give(all)
			return []string{all, "attestation manifest", "not in it", w.cfg.Images[0].String()}
		}, "give the digest that the build had"},
		{"a chart", func(w *world) []string {
			chart := w.push(mutate.ConfigMediaType(w.plain("linux/arm/v7"), "application/vnd.cncf.helm.config.v1+json"), 0)
			w.give(w.push(w.attested("linux/amd64", "linux/arm64"), 0), chart)
			return []string{chart, "not an image", w.cfg.Images[0].String()}
		}, "give the digest of an image"},
		{"an index of nothing", func(w *world) []string {
			none := w.push(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), 0)
			w.give(none)
			return []string{none, "no image"}
		}, "give the digest of an image"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			wants := test.give(w)
			before := w.Registries[0].Writes() + w.Registries[1].Writes()
			_, err := Run(t.Context(), w.cfg, w.deps)
			for _, want := range wants {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
			if err != nil && strings.Count(err.Error(), "\n") >= len(wants) {
				t.Errorf("more is said than is wrong: %v", err)
			}
			if mends := strings.Join(hint.Of(err), "\n"); !strings.Contains(mends, test.mend) {
				t.Errorf("hints %q, want %q", mends, test.mend)
			}
			if after := w.Registries[0].Writes() + w.Registries[1].Writes(); after != before {
				t.Errorf("%d things were written all the same", after-before)
			}
		})
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	none := "sha256:" + strings.Repeat("0", 64)
	half := w.push(w.plain("linux/s390x"), 1)
	w.give("linux/amd64="+none, half, "linux/arm64="+w.push(w.plain("linux/riscv64"), 0))
	_, err := Run(t.Context(), w.cfg, w.deps)
	for _, want := range []string{none, "s390x", half, w.cfg.Images[1].String(), "is given as linux/arm64", "platform linux/arm/v7"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err != nil && (strings.Contains(err.Error(), "platform linux/amd64 is") || strings.Contains(err.Error(), "platform linux/arm64 is")) {
		t.Errorf("a platform is called missing whose build is at fault: %v", err)
	}
}

func TestRegistryThatRefuses(t *testing.T) {
	t.Parallel()
	for name, method := range map[string]string{"the look": http.MethodHead, "the push": http.MethodPut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, p := range w.cfg.Platforms {
				w.give(w.push(w.plain(p.String()), 0))
			}
			w.Registries[1].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if r.Method == method {
					rw.WriteHeader(http.StatusForbidden)
				}
				return r.Method == method
			})
			_, err := Run(t.Context(), w.cfg, w.deps)
			if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), w.cfg.Images[1].Host()) || len(hint.Of(err)) == 0 {
				t.Errorf("error %v, hints %q", err, hint.Of(err))
			}
		})
	}
}

func TestSameThingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("sha256:" + strings.Repeat("0", 64))
	c := Config{
		Images: append(w.cfg.Images, w.cfg.Images[1]), Digests: append(w.cfg.Digests, w.cfg.Digests[0]),
		Platforms: append(slices.Clone(w.cfg.Platforms), w.cfg.Platforms[2]),
	}
	err := c.Validate()
	for _, want := range []string{
		fmt.Sprintf(`"images": %q is given twice`, w.cfg.Images[1]), `"digests": "sha256:000`, `"platforms": "linux/arm/v7" is given twice`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := w.cfg.Validate(); err != nil {
		t.Error(err)
	}
}
