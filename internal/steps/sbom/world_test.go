package sbom_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/sbom"
)

// built is when the images of the tests say they were made.
var built = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// world is a registry in memory that counts what is asked of it.
type world struct {
	host string
	mu   sync.Mutex
	gets map[string]int
	// intercept may answer a request in the registry's place.
	intercept func(w http.ResponseWriter, r *http.Request) bool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{gets: map[string]int{}}
	reg := ggcr.New(ggcr.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		if r.Method == http.MethodGet {
			w.gets[r.URL.Path]++
		}
		intercept := w.intercept
		w.mu.Unlock()
		if intercept == nil || !intercept(rw, r) {
			reg.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(server.Close)
	w.host = strings.TrimPrefix(server.URL, "http://")
	return w
}

// blobGets returns how often the layer was fetched.
func (w *world) blobGets(t testing.TB, repository string, layer v1.Layer) int {
	t.Helper()
	digest, err := layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gets["/v2/"+repository+"/blobs/"+digest.String()]
}

func (w *world) setIntercept(f func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.intercept = f
}

// push writes an image or index to a repository of the world.
func (w *world) push(t testing.TB, repository string, what remote.Taggable) image.Pinned {
	t.Helper()
	ref, err := name.NewTag(w.host + "/" + repository + ":pushed")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Push(ref, what, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	descriptor, err := remote.Head(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := image.ParsePinned(w.host + "/" + repository + "@" + descriptor.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	return pinned
}

// deps returns what the step works with, and what it logs.
func deps(t testing.TB) (sbom.Deps, *bytes.Buffer) {
	t.Helper()
	client, err := registry.New(registry.Credentials{}, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	return sbom.Deps{Registry: client, TempDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(log, nil))}, log
}

// run runs the step, which must succeed, and returns the result.
func run(t testing.TB, d sbom.Deps, images ...image.Pinned) sbom.Result {
	t.Helper()
	result, err := sbom.Run(t.Context(), sbom.Config{Images: images, OutputDir: filepath.Join(t.TempDir(), "out")}, d)
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(d.TempDir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return result
}

// layer packs files, by path, into a compressed layer.
func layer(t testing.TB, files map[string]string) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: path, Mode: 0o644, Size: int64(len(files[path])), ModTime: built}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[path])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return static.NewLayer(b.Bytes(), types.OCILayer)
}

// ownLayer is what only one platform has: an Alpine package database.
func ownLayer(t testing.TB, arch string, packages ...string) v1.Layer {
	t.Helper()
	var db strings.Builder
	for _, p := range packages {
		name, version, _ := strings.Cut(p, "@")
		fmt.Fprintf(&db, "C:Q1p78yvTLG094tHE1+dToJGbmYzQE=\nP:%s\nV:%s\nA:%s\nL:MIT\nF:etc\nR:%s.conf\n\n", name, version, arch, name)
	}
	files := map[string]string{
		"etc/os-release":   "ID=alpine\nVERSION_ID=3.20.1\nNAME=\"Alpine Linux\"\n",
		"lib/apk/db/arch":  arch + "\n",
		"etc/passwd":       "root:x:0:0::/:/bin/sh\n",
		"bin/not-readable": "\x7fELF" + arch,
	}
	if len(packages) > 0 {
		files["lib/apk/db/installed"] = db.String()
	}
	for _, p := range packages {
		name, _, _ := strings.Cut(p, "@")
		files["etc/"+name+".conf"] = name + " on " + arch
	}
	return layer(t, files)
}

// sharedLayer is what all platforms have: packages of npm and PyPI.
func sharedLayer(t testing.TB) v1.Layer {
	t.Helper()
	return layer(t, map[string]string{
		"app/node_modules/left-pad/package.json":                           `{"name":"left-pad","version":"1.3.0","license":"WTFPL","author":"<azer>"}`,
		"app/node_modules/lodash/package.json":                             `{"name":"lodash","version":"4.17.21","license":"SEE LICENSE IN x"}`,
		"usr/lib/python3/site-packages/requests-2.31.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\nLicense: Apache 2.0\n",
		"usr/lib/python3/site-packages/requests-2.31.0.dist-info/RECORD":   "requests/__init__.py,,\n",
	})
}

func platformImage(t testing.TB, platform string, layers ...v1.Layer) v1.Image {
	t.Helper()
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layers...)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
	config.Created = v1.Time{Time: built}
	config.Config.Labels = map[string]string{"org.opencontainers.image.title": "app", "a": "b"}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// index puts images of platforms together, beside an attestation manifest as
// BuildKit adds it.
func index(t testing.TB, images map[string]v1.Image) v1.ImageIndex {
	t.Helper()
	all := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	add := func(img v1.Image, platform string, annotations map[string]string) {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		all = mutate.AppendManifests(all, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: p, Annotations: annotations}})
	}
	for _, platform := range slices.Sorted(maps.Keys(images)) {
		add(images[platform], platform, nil)
	}
	add(platformImage(t, "unknown/unknown", static.NewLayer([]byte("{}"), "application/vnd.in-toto+json")), "unknown/unknown",
		map[string]string{"vnd.docker.reference.type": "attestation-manifest"})
	return all
}

// release is an index of three platforms, of which each has packages of its
// own, and all have some in common.
func release(t testing.TB) (all v1.ImageIndex, shared v1.Layer) {
	t.Helper()
	shared = sharedLayer(t)
	return index(t, map[string]v1.Image{
		"linux/amd64":  platformImage(t, "linux/amd64", ownLayer(t, "x86_64", "musl@1.2.5-r0", "busybox@1.36.1-r29"), shared),
		"linux/arm64":  platformImage(t, "linux/arm64", ownLayer(t, "aarch64", "musl@1.2.5-r0", "busybox@1.36.1-r29"), shared),
		"linux/arm/v7": platformImage(t, "linux/arm/v7", ownLayer(t, "armv7", "musl@1.2.5-r0"), shared),
	}), shared
}
