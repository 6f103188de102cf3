package merge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
)

// contents lists the index in one registry: platforms, and the subject of each
// attestation.
func (w *world) contents(t *testing.T, p image.Pinned) []string {
	t.Helper()
	m, err := w.Client.Manifest(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	index, err := v1.ParseIndexManifest(strings.NewReader(string(m.Raw)))
	if err != nil || m.MediaType != string(types.OCIImageIndex) {
		t.Fatalf("%s: %v", m.MediaType, err)
	}
	subjects := map[string]string{}
	var found []string
	for _, d := range index.Manifests {
		if subject, ok := d.Annotations["vnd.docker.reference.digest"]; ok {
			found = append(found, "about "+subjects[subject])
			continue
		}
		subjects[d.Digest.String()] = d.Platform.String()
		found = append(found, d.Platform.String())
	}
	return found
}

func TestMergeWritesOneIndexToEveryRegistry(t *testing.T) {
	t.Parallel()
	three := []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}
	about := []string{"about linux/amd64", "about linux/arm64", "about linux/arm/v7"}
	for _, test := range []struct {
		name  string
		give  func(*testing.T, *world)
		holds []string
	}{
		{"plain images", func(t *testing.T, w *world) {
			for _, p := range three {
				w.give(t, p+"="+w.push(t, plain(t, p), 0))
			}
		}, three},
		{"without labels", func(t *testing.T, w *world) {
			for _, p := range three {
				w.give(t, w.push(t, plain(t, p), 0))
			}
		}, three},
		{"with attestations", func(t *testing.T, w *world) {
			for _, p := range three {
				w.give(t, p+"="+w.push(t, attested(t, p), 0))
			}
		}, append(slices.Clone(three), about...)},
		{"an index of two, and an image", func(t *testing.T, w *world) {
			w.give(t, w.push(t, attested(t, three[2], three[0]), 0), w.push(t, plain(t, three[1]), 0))
		}, append(slices.Clone(three), about[0], about[2])},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.give(t, w)
			result, err := Run(t.Context(), w.cfg, w.deps)
			if err != nil {
				t.Fatal(err)
			}
			if want := []image.Pinned{w.cfg.Images[0].Pin(result.Digest), w.cfg.Images[1].Pin(result.Digest)}; !slices.Equal(result.Images, want) {
				t.Errorf("images %v, want %v", result.Images, want)
			}
			if !slices.Equal(result.Platforms, w.cfg.Platforms) {
				t.Errorf("platforms %v", result.Platforms)
			}
			for _, p := range result.Images {
				if got := w.contents(t, p); !slices.Equal(got, test.holds) {
					t.Errorf("%s holds %v, want %v", p, got, test.holds)
				}
			}
			again := w.cfg
			again.Digests = slices.Clone(w.cfg.Digests)
			rand.Shuffle(len(again.Digests), func(i, j int) { again.Digests[i], again.Digests[j] = again.Digests[j], again.Digests[i] })
			if second, err := Run(t.Context(), again, w.deps); err != nil || second.Digest != result.Digest {
				t.Errorf("in another order it is %s, %v, and was %s", second.Digest, err, result.Digest)
			}
			var out strings.Builder
			if err := result.Print(&out); err != nil || !strings.Contains(out.String(), result.Images[1].String()) {
				t.Errorf("prints %q, %v", out.String(), err)
			}
			for _, want := range []string{"| `linux/arm/v7` | `sha256:", " KiB |", string(w.cfg.Digests[0].Digest), result.Images[1].String()} {
				if !strings.Contains(result.Summary(), want) {
					t.Errorf("the summary lacks %q:\n%s", want, result.Summary())
				}
			}
		})
	}
}

func TestMergeOfAMergeIsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range w.cfg.Platforms {
		w.give(t, w.push(t, attested(t, p.String()), 0))
	}
	first, err := Run(t.Context(), w.cfg, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Digests = []Source{{Digest: first.Digest}}
	if second, err := Run(t.Context(), w.cfg, w.deps); err != nil || second.Digest != first.Digest {
		t.Errorf("%s, %v, want %s", second.Digest, err, first.Digest)
	}
	w.cfg.Platforms = w.cfg.Platforms[:1]
	w.cfg.Digests = nil
	w.give(t, w.push(t, plain(t, "linux/amd64"), 0))
	one, err := Run(t.Context(), w.cfg, w.deps)
	if err != nil || one.Digest == w.cfg.Digests[0].Digest {
		t.Errorf("an image alone makes %s, %v, want an index", one.Digest, err)
	}
}

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		give func(*testing.T, *world) []string // returns what the error must name
		mend string
	}{
		{"a platform that is missing", func(t *testing.T, w *world) []string {
			w.give(t, w.push(t, attested(t, "linux/amd64", "linux/arm64"), 0))
			return []string{"platform linux/arm/v7 is in none"}
		}, `leave it out of "platforms"`},
		{"a platform in two digests", func(t *testing.T, w *world) []string {
			all, one := w.push(t, attested(t, "linux/amd64", "linux/arm64", "linux/arm/v7"), 0), w.push(t, plain(t, "linux/amd64"), 0)
			w.give(t, all, one)
			return []string{all, one, "both for linux/amd64"}
		}, `leave one of them out of "digests"`},
		{"a platform twice in one digest", func(t *testing.T, w *world) []string {
			all := w.push(t, attested(t, "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm64"), 0)
			w.give(t, all)
			return []string{all, "has linux/arm64 twice"}
		}, "its build"},
		{"a platform that nobody asked for", func(t *testing.T, w *world) []string {
			all := w.push(t, attested(t, "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"), 0)
			w.give(t, all)
			return []string{all, "is for linux/s390x"}
		}, `add it to "platforms"`},
		{"labels that are mixed up", func(t *testing.T, w *world) []string {
			amd64, arm64 := w.push(t, plain(t, "linux/amd64"), 0), w.push(t, attested(t, "linux/arm64"), 0)
			w.give(t, "linux/arm64="+amd64, "linux/amd64="+arm64, w.push(t, plain(t, "linux/arm/v7"), 0))
			return []string{amd64 + `" is given as linux/arm64, and is for linux/amd64`, arm64 + `" is given as linux/amd64, and is for linux/arm64`}
		}, "see which build"},
		{"several platforms under one label", func(t *testing.T, w *world) []string {
			all := w.push(t, attested(t, "linux/amd64", "linux/arm64", "linux/arm/v7"), 0)
			w.give(t, "linux/amd64="+all)
			return []string{"is given as linux/amd64, and is for linux/amd64, linux/arm64, linux/arm/v7"}
		}, `without "linux/amd64="`},
		{"a digest that is nowhere", func(t *testing.T, w *world) []string {
			none := "sha256:" + strings.Repeat("0", 64)
			w.give(t, w.push(t, attested(t, "linux/amd64", "linux/arm64"), 0), "linux/arm/v7="+none)
			return []string{none, `in no repository of "images"`}
		}, `the same "images"`},
		{"a build that was pushed to one registry only", func(t *testing.T, w *world) []string {
			half := w.push(t, plain(t, "linux/arm/v7"), 1)
			w.give(t, w.push(t, attested(t, "linux/amd64", "linux/arm64"), 0), half)
			return []string{half, fmt.Sprintf("is not in %q", w.cfg.Images[1])}
		}, "crane copy"},
		{"an index whose image a registry has lost", func(t *testing.T, w *world) []string {
			all := w.push(t, attested(t, "linux/amd64", "linux/arm64", "linux/arm/v7"), 0)
			w.give(t, all)
			lost := digestOf(t, plain(t, "linux/arm64"))
			w.Registries[1].Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, lost) {
					return false
				}
				rw.WriteHeader(http.StatusNotFound)
				return true
			})
			return []string{lost, all, fmt.Sprintf("is not in %q", w.cfg.Images[1])}
		}, "crane copy"},
		{"an attestation whose subject isn't there", func(t *testing.T, w *world) []string {
			index := mutate.AppendManifests(attested(t, "linux/amd64", "linux/arm64", "linux/arm/v7"), attestation(t, "what", "sha256:"+strings.Repeat("1", 64)))
			all := w.push(t, index, 0)
			w.give(t, all)
			return []string{all, "attestation manifest", "not in it", w.cfg.Images[0].String()}
		}, "give the digest that the build had"},
		{"a chart", func(t *testing.T, w *world) []string {
			chart := w.push(t, mutate.ConfigMediaType(plain(t, "linux/arm/v7"), "application/vnd.cncf.helm.config.v1+json"), 0)
			w.give(t, w.push(t, attested(t, "linux/amd64", "linux/arm64"), 0), chart)
			return []string{chart, "not an image", w.cfg.Images[0].String()}
		}, "give the digest of an image"},
		{"an index of nothing", func(t *testing.T, w *world) []string {
			none := w.push(t, mutate.IndexMediaType(empty.Index, types.OCIImageIndex), 0)
			w.give(t, none)
			return []string{none, "no image"}
		}, "give the digest of an image"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			wants := test.give(t, w)
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
	half := w.push(t, plain(t, "linux/s390x"), 1)
	w.give(t, "linux/amd64="+none, half, "linux/arm64="+w.push(t, plain(t, "linux/riscv64"), 0))
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
				w.give(t, w.push(t, plain(t, p.String()), 0))
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

func TestReleasedImageIsTakenAndDigestsAreLeftAside(t *testing.T) {
	t.Parallel()
	for _, overwrite := range []bool{false, true} {
		w := newWorld(t)
		released := w.Digests[0]
		w.Registries[0].Tag(t, released, "1.2.3")
		claims := []evidence.Claim{{Digest: released, Statement: intoto.Signature(released)}}
		if _, err := w.Publisher(t, evidencetest.Workflow).Publish(t.Context(), w.cfg.Images, claims); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.cfg.Platforms {
			w.give(t, w.push(t, plain(t, p.String()), 0))
		}
		w.cfg.ResumeTags, w.cfg.Overwrite = []image.Ref{w.cfg.Images[0].Tag("1.2"), w.cfg.Images[0].Tag("1.2.3")}, overwrite
		result, err := Run(t.Context(), w.cfg, w.deps)
		if err != nil {
			t.Fatal(err)
		}
		if (result.Digest == released) == overwrite || !slices.Equal(result.Platforms, w.cfg.Platforms) {
			t.Errorf("overwrite %v: digest %s, released is %s", overwrite, result.Digest, released)
		}
		if strings.Contains(w.log.String(), "left aside") == overwrite || strings.Contains(result.Summary(), "left aside") == overwrite {
			t.Errorf("overwrite %v: log\n%s\nsummary\n%s", overwrite, w.log.String(), result.Summary())
		}
	}
}

func TestSameThingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give(t, "sha256:"+strings.Repeat("0", 64))
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
