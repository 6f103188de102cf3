package merge

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/image"
)

// contents lists the index in one registry: platforms, and the subject of each
// attestation.
func (w *world) contents(p image.Pinned) []string {
	w.t.Helper()
	m, err := w.Client.Manifest(w.t.Context(), p)
	if err != nil {
		w.t.Fatal(err)
	}
	index, err := v1.ParseIndexManifest(strings.NewReader(string(m.Raw)))
	if err != nil || m.MediaType != string(types.OCIImageIndex) {
		w.t.Fatalf("%s: %v", m.MediaType, err)
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
		name     string
		builds   [][]string // the platforms of each
		labelled bool
		attested []bool // for each build
		holds    []string
	}{
		{"plain images", [][]string{three[:1], three[1:2], three[2:]}, true, []bool{false, false, false}, three},
		{"without labels", [][]string{three[:1], three[1:2], three[2:]}, false, []bool{false, false, false}, three},
		{"with attestations", [][]string{three[:1], three[1:2], three[2:]}, true, []bool{true, true, true}, slices.Concat(three, about)},
		{"an index of two, and an image", [][]string{{three[2], three[0]}, three[1:2]}, false, []bool{true, false}, append(slices.Clone(three), about[0], about[2])},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for n, platforms := range test.builds {
				var build remote.Taggable = w.plain(platforms[0])
				if test.attested[n] {
					build = w.attested(platforms...)
				}
				line := w.push(build, 0)
				if test.labelled {
					line = platforms[0] + "=" + line
				}
				w.give(line)
			}
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
				if got := w.contents(p); !slices.Equal(got, test.holds) {
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
		w.give(w.push(w.attested(p.String()), 0))
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
	w.give(w.push(w.plain("linux/amd64"), 0))
	one, err := Run(t.Context(), w.cfg, w.deps)
	if err != nil || one.Digest == w.cfg.Digests[0].Digest {
		t.Errorf("an image alone makes %s, %v, want an index", one.Digest, err)
	}
}

func TestReleasedImageIsTakenAndDigestsAreLeftAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.Resume = w.Digests[0]
	for _, builds := range [][]image.Platform{w.cfg.Platforms, nil} {
		w.cfg.Digests = nil
		for _, p := range builds {
			w.give(w.push(w.plain(p.String()), 0))
		}
		if err := w.cfg.Validate(); err != nil {
			t.Error(err)
		}
		result, err := Run(t.Context(), w.cfg, w.deps)
		if err != nil {
			t.Fatal(err)
		}
		if result.Digest != w.cfg.Resume || !slices.Equal(result.Platforms, w.cfg.Platforms) {
			t.Errorf("digest %s of %s, released is %s", result.Digest, result.Platforms, w.cfg.Resume)
		}
		if !strings.Contains(w.log.String(), "left aside") || !strings.Contains(result.Summary(), "left aside") {
			t.Errorf("log\n%s\nsummary\n%s", w.log.String(), result.Summary())
		}
	}
	w.cfg.Resume = ""
	if err := w.cfg.Validate(); err == nil || !strings.Contains(err.Error(), `"digests" is missing`) {
		t.Errorf("neither: error %v", err)
	}
}
