package registry

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/org/release-actions/internal/image"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	noDigest := func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/plain") }
	for name, s := range map[string]*server{
		"by HEAD":             newServer(t, false),
		"HEAD refused":        newServer(t, false, fault(-1, "HEAD", "", status(http.StatusMethodNotAllowed))),
		"HEAD without digest": newServer(t, false, fault(-1, "HEAD", "", noDigest)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, Credentials{}, Options{})
			p, other := s.push(t, randomImage(t)), s.push(t, randomImage(t))
			if err := c.Tag(t.Context(), p, "1.2"); err != nil {
				t.Fatal(err)
			}
			ref := p.Repository.Tag("1.2")
			for _, ref := range []image.Ref{ref, p.Ref(), {Repository: p.Repository, Tag: "1.2", Digest: p.Digest}} {
				if got, err := c.Resolve(t.Context(), ref); err != nil || got != p {
					t.Errorf("resolve %s: %s, %v, want %s", ref, got, err, p)
				}
			}
			ref.Digest = other.Digest
			if _, err := c.Resolve(t.Context(), ref); err == nil || !strings.Contains(err.Error(), string(p.Digest)) {
				t.Errorf("tag and digest disagree: error %v, want one that names %s", err, p.Digest)
			}
			if _, err := c.Resolve(t.Context(), p.Repository.Tag("none")); !errors.Is(err, ErrNotFound) {
				t.Errorf("no such tag: error %v, want ErrNotFound", err)
			}
		})
	}
}

func TestManifestRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	s := newServer(t, false, fault(-1, "GET", "/manifests/", func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		_, _ = w.Write([]byte("{}"))
	}))
	p := s.push(t, randomImage(t))
	if m, err := client(t, Credentials{}, Options{}).Manifest(t.Context(), p); err == nil {
		t.Errorf("got %s for %s", m.Raw, p)
	}
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	platform := func(os, arch, variant string) v1.Descriptor {
		return v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: arch, Variant: variant}}
	}
	unknown := platform("unknown", "unknown", "")
	marked := platform("linux", "amd64", "")
	marked.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	single := platformImage(t, "linux", "arm64", "v8")
	inner := index(mutate.IndexAddendum{Add: platformImage(t, "linux", "s390x", ""), Descriptor: platform("linux", "s390x", "")})
	for name, test := range map[string]struct {
		p    image.Pinned
		want string
	}{
		"one image": {s.push(t, single), "linux/arm64"},
		"index": {s.push(t, index(
			mutate.IndexAddendum{Add: platformImage(t, "linux", "amd64", ""), Descriptor: platform("linux", "amd64", "")},
			mutate.IndexAddendum{Add: platformImage(t, "linux", "arm", "v7"), Descriptor: platform("linux", "arm", "v7")},
			mutate.IndexAddendum{Add: randomImage(t), Descriptor: unknown},
			mutate.IndexAddendum{Add: randomImage(t), Descriptor: marked},
			mutate.IndexAddendum{Add: single},
			mutate.IndexAddendum{Add: inner},
		)), "linux/amd64 linux/arm/v7 linux/arm64 linux/s390x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platforms, err := c.Platforms(t.Context(), test.p)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range platforms {
				got = append(got, p.Platform.String())
				m, err := c.Manifest(t.Context(), test.p.Repository.Pin(p.Digest))
				if err != nil || int64(len(m.Raw)) != p.Size {
					t.Errorf("%s: %d bytes, %v, want %d", p.Platform, len(m.Raw), err, p.Size)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("platforms %v, want %s", got, test.want)
			}
		})
	}
}

func TestImageReadsLayersAndRefusesAnIndex(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	one := platformImage(t, "linux", "amd64", "")
	img, err := c.Image(t.Context(), s.push(t, one))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("layers: %v, %v", layers, err)
	}
	if r, err := layers[0].Uncompressed(); err != nil || r.Close() != nil {
		t.Errorf("read a layer: %v", err)
	}
	many := s.push(t, index(mutate.IndexAddendum{Add: one}))
	if _, err := c.Image(t.Context(), many); err == nil || !strings.Contains(err.Error(), "not one image") {
		t.Errorf("an index as an image: error %v", err)
	}
}
