package sbom_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/sbom"
)

// breakOff has the registry break the connection in the middle of a layer, the
// given number of times.
func breakOff(t *testing.T, w *world, l v1.Layer, times int) {
	t.Helper()
	digest, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	size, err := l.Size()
	if err != nil {
		t.Fatal(err)
	}
	w.setIntercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, digest.String()) {
			return false
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if times == 0 {
			return false
		}
		times--
		rw.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		_, _ = rw.Write([]byte{0x1f, 0x8b}) // the server closes the connection, since more was announced
		return true
	})
}

func TestLayerThatBreaksOffIsBegunAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, shared := release(t)
	pinned := w.push(t, "acme/app", all)
	breakOff(t, w, shared, 2)
	d, _ := deps(t)
	run(t, d, pinned)
	if n := w.blobGets(t, "acme/app", shared); n != 3 {
		t.Errorf("the layer was asked for %d times, want 3", n)
	}
}

func TestLayerThatAlwaysBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, shared := release(t)
	pinned := w.push(t, "acme/app", all)
	breakOff(t, w, shared, 100)
	d, _ := deps(t)
	_, err := sbom.Run(t.Context(), sbom.Config{Images: []image.Pinned{pinned}, OutputDir: t.TempDir()}, d)
	digest, _ := shared.Digest()
	if err == nil || !strings.Contains(err.Error(), "read layer "+digest.String()) || !strings.Contains(err.Error(), "catalogue linux/") {
		t.Errorf("error is %v", err)
	}
	if n := w.blobGets(t, "acme/app", shared); n != 3 {
		t.Errorf("the layer was asked for %d times, want 3", n)
	}
}

func TestWhatCannotBeDescribedIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shared := sharedLayer(t)
	amd := platformImage(t, "linux/amd64", shared)
	missing := image.Pinned{Digest: image.Digest("sha256:" + strings.Repeat("0", 64))}
	missing.Repository = w.push(t, "acme/app", amd).Repository
	two := index(t, map[string]v1.Image{"linux/amd64": amd, "linux/amd64:10.0": platformImage(t, "linux/amd64", shared, shared)})
	tests := map[string]struct {
		image      image.Pinned
		want, mend string
	}{
		"nothing there": {missing, "404", ""},
		"no platform":   {w.push(t, "acme/none", index(t, nil)), "has no image for any platform", "index that a build pushed"},
		"two of one platform": {
			w.push(t, "acme/two", two), "has two images for linux/amd64", "its own digest",
		},
		"not a tar": {
			w.push(t, "acme/garbage", platformImage(t, "linux/amd64", static.NewLayer([]byte(strings.Repeat("not a tar", 100)), types.OCILayer))),
			"catalogue linux/amd64", "",
		},
		"not a layer": {
			w.push(t, "acme/artifact", platformImage(t, "linux/amd64", static.NewLayer([]byte("{}"), "application/json"))),
			"application/json", "",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, _ := deps(t)
			dir := t.TempDir()
			result, err := sbom.Run(t.Context(), sbom.Config{Images: []image.Pinned{test.image}, OutputDir: dir}, d)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), "\n"), test.mend) {
				t.Errorf("error is %v, hints %q", err, hint.Of(err))
			}
			if len(result.Files) > 0 {
				t.Errorf("files are %q", result.Files)
			}
			for _, dir := range []string{dir, d.TempDir} {
				if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			}
		})
	}
}

func TestRefusedLoginIsToldWithItsMend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pinned := w.push(t, "acme/app", platformImage(t, "linux/amd64", sharedLayer(t)))
	w.setIntercept(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		http.Error(rw, "who are you?", http.StatusUnauthorized)
		return true
	})
	d, _ := deps(t)
	_, err := sbom.Run(t.Context(), sbom.Config{Images: []image.Pinned{pinned}, OutputDir: t.TempDir()}, d)
	if !errors.Is(err, registry.ErrDenied) || !strings.Contains(strings.Join(hint.Of(err), "\n"), "registry-auth") {
		t.Errorf("error is %v, hints %q", err, hint.Of(err))
	}
}

func TestCancelledRunLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, shared := release(t)
	pinned := w.push(t, "acme/app", all)
	digest, err := shared.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.setIntercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, digest.String()) {
			cancel()
			<-r.Context().Done()
		}
		return false
	})
	d, _ := deps(t)
	dir := t.TempDir()
	result, err := sbom.Run(ctx, sbom.Config{Images: []image.Pinned{pinned}, OutputDir: dir}, d)
	if !errors.Is(err, context.Canceled) || len(result.Files) > 0 {
		t.Errorf("error is %v, files are %q", err, result.Files)
	}
	for _, dir := range []string{dir, d.TempDir} {
		if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

func TestImagesMustHaveOneDigest(t *testing.T) {
	t.Parallel()
	pinned := func(repository, digit string) image.Pinned {
		p, err := image.ParsePinned(repository + "@sha256:" + strings.Repeat(digit, 64))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, same, other := pinned("ghcr.io/acme/app", "1"), pinned("acme/app", "1"), pinned("acme/app", "2")
	if err := (sbom.Config{Images: []image.Pinned{a, same}}).Validate(); err != nil {
		t.Errorf("one digest is refused: %v", err)
	}
	err := sbom.Config{Images: []image.Pinned{a, same, other}}.Validate()
	if err == nil || !strings.Contains(err.Error(), other.String()) || len(hint.Of(err)) == 0 {
		t.Errorf("error is %v, hints %q", err, hint.Of(err))
	}
}

func TestParseEpoch(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Time{
		"": {}, "0": time.Unix(0, 0).UTC(), "1700000000": time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC),
	} {
		if got, err := sbom.ParseEpoch(in); err != nil || !got.Equal(want) {
			t.Errorf("ParseEpoch(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"-1", "soon", "1.5", "1e9", "2023-11-14", "99999999999999", "99999999999999999999"} {
		if got, err := sbom.ParseEpoch(in); err == nil || !strings.Contains(err.Error(), in) || !strings.Contains(hint.Of(err)[0], "%ct") {
			t.Errorf("ParseEpoch(%q) = %v, %v, hints %q", in, got, err, hint.Of(err))
		}
	}
}

func FuzzParseEpoch(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "1700000000", "x", "253402300799"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := sbom.ParseEpoch(s)
		if err != nil || s == "" {
			return
		}
		if _, err := time.Parse(time.RFC3339, got.Format(time.RFC3339)); err != nil {
			t.Errorf("ParseEpoch(%q) = %v: %v", s, got, err)
		}
	})
}
