package sbom_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/steps/sbom"
)

// twoReleases pushes an image and the one after it, which have a layer in common.
func twoReleases(t *testing.T, w *world) (before, after image.Pinned, shared v1.Layer) {
	t.Helper()
	shared = sharedLayer(t)
	before = w.push(t, "acme/app", index(t, map[string]v1.Image{
		"linux/amd64":   platformImage(t, "linux/amd64", ownLayer(t, "x86_64", "musl@1.2.5-r0", "busybox@1.36.1-r29"), shared),
		"linux/arm64":   platformImage(t, "linux/arm64", ownLayer(t, "aarch64", "musl@1.2.5-r0"), shared),
		"linux/riscv64": platformImage(t, "linux/riscv64", shared),
	}))
	after = w.push(t, "acme/app", index(t, map[string]v1.Image{
		"linux/amd64": platformImage(t, "linux/amd64", ownLayer(t, "x86_64", "musl@1.2.6-r0", "zlib@1.3.1-r0"), shared),
		"linux/arm64": platformImage(t, "linux/arm64", ownLayer(t, "aarch64", "musl@1.2.6-r0"), shared),
		"linux/s390x": platformImage(t, "linux/s390x", shared),
	}))
	return before, after, shared
}

func TestChangesSinceAnEarlierRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, after, shared := twoReleases(t, w)
	result := runWith(t, sbom.Config{Images: []image.Pinned{after}, CompareTo: string(before.Digest)})
	if n := w.blobGets(t, "acme/app", shared); n != 1 {
		t.Errorf("the shared layer was fetched %d times", n)
	}
	if len(result.Files) != 8 {
		t.Errorf("files are %q", result.Files)
	}
	var got sbom.Changes
	if err := json.Unmarshal(read(t, result.Changes), &got); err != nil {
		t.Fatal(err)
	}
	want := sbom.Changes{
		Since: before.String(),
		Platforms: []sbom.PlatformChanges{
			{
				Platform: "linux/amd64",
				Added:    []sbom.Change{{Ecosystem: "apk", Name: "zlib", PURL: "pkg:apk/alpine/zlib?arch=x86_64", To: []string{"1.3.1-r0"}}},
				Removed:  []sbom.Change{{Ecosystem: "apk", Name: "busybox", PURL: "pkg:apk/alpine/busybox?arch=x86_64", From: []string{"1.36.1-r29"}}},
				Changed:  []sbom.Change{{Ecosystem: "apk", Name: "musl", PURL: "pkg:apk/alpine/musl?arch=x86_64", From: []string{"1.2.5-r0"}, To: []string{"1.2.6-r0"}}},
			},
			{
				Platform: "linux/arm64",
				Added:    []sbom.Change{},
				Removed:  []sbom.Change{},
				Changed:  []sbom.Change{{Ecosystem: "apk", Name: "musl", PURL: "pkg:apk/alpine/musl?arch=aarch64", From: []string{"1.2.5-r0"}, To: []string{"1.2.6-r0"}}},
			},
		},
		AddedPlatforms: []string{"linux/s390x"}, RemovedPlatforms: []string{"linux/riscv64"},
	}
	if a, b := asJSON(t, got), asJSON(t, want); a != b {
		t.Errorf("changes are %s, want %s", a, b)
	}
	for _, line := range []string{
		"### Changes since `" + before.String() + "`", "New: linux/s390x.", "Gone: linux/riscv64.",
		"| `linux/amd64` | 1 | 1 | 1 |", "| `zlib` | apk |  | `1.3.1-r0` | linux/amd64 |", "| `musl` | apk | `1.2.5-r0` | `1.2.6-r0` | all |",
	} {
		if !strings.Contains(result.Summary(), line+"\n") {
			t.Errorf("the summary lacks %q:\n%s", line, result.Summary())
		}
	}
	var text bytes.Buffer
	if err := result.Print(&text); err != nil || !strings.Contains(text.String(), "busybox") {
		t.Errorf("prints %v:\n%s", err, &text)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatToCompareWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shared := sharedLayer(t)
	old := w.push(t, "acme/old", platformImage(t, "linux/amd64", shared))
	img := platformImage(t, "linux/amd64", shared)
	pinned := w.push(t, "acme/app", img)
	nameless := writeLayout(t, index(t, map[string]v1.Image{"linux/amd64": img}), "")
	for given, want := range map[string]string{
		"pushed":                    pinned.String(),
		string(pinned.Digest):       pinned.String(),
		w.host + "/acme/old:pushed": old.String(),
		old.String():                old.String(),
		"v0":                        "", // a first release has none before it
		"sha256:1":                  "error: ",
		"a tag":                     "error: ",
	} {
		d, _ := deps(t)
		result, err := sbom.Run(t.Context(), sbom.Config{Images: []image.Pinned{pinned}, CompareTo: given, OutputDir: t.TempDir()}, d)
		if refused, ok := strings.CutPrefix(want, "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), `input "compare-to": `) || !strings.Contains(err.Error(), refused) {
				t.Errorf("%q: error %v, want %q", given, err, refused)
			}
			continue
		}
		if want == "" {
			if err != nil || result.Changes != "" {
				t.Errorf("%q: %v, %q", given, err, result.Changes)
			}
			continue
		}
		var changes sbom.Changes
		if err != nil || json.Unmarshal(read(t, result.Changes), &changes) != nil || changes.Since != want || len(changes.Platforms[0].Changed) > 0 {
			t.Errorf("%q: %v, %+v, want %s", given, err, changes, want)
		}
	}
	d, _ := deps(t)
	_, err := sbom.Run(t.Context(), sbom.Config{Layout: nameless, CompareTo: "v1", OutputDir: t.TempDir()}, d)
	if err == nil || !strings.Contains(err.Error(), "has no repository") || len(hint.Of(err)) == 0 {
		t.Errorf("error %v, hints %q", err, hint.Of(err))
	}
}
