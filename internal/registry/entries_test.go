package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/image"
)

// attestation is an attestation manifest about img, as BuildKit puts it into an
// index.
func attestation(t *testing.T, img v1.Image) mutate.IndexAddendum {
	t.Helper()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return mutate.IndexAddendum{Add: platformImage(t, "unknown", "unknown", ""), Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{
			"vnd.docker.reference.type": "attestation-manifest", subjectAnnotation: digest.String(),
		},
	}}
}

func addendum(img v1.Image, os, arch, variant string) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: arch, Variant: variant}}}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	amd64, arm := platformImage(t, "linux", "amd64", ""), platformImage(t, "linux", "arm", "v7")
	arm64 := platformImage(t, "linux", "arm64", "v8")
	for _, referrers := range []bool{true, false} {
		s := newServer(t, referrers)
		c := client(t, Credentials{}, Options{})
		for name, test := range map[string]struct {
			p    image.Pinned
			want string // platform, and how many attestations it has
		}{
			"one image": {s.push(t, arm64), "linux/arm64 0"},
			"one image with attestations": {
				s.push(t, index(addendum(arm, "linux", "arm", "v7"), attestation(t, arm), attestation(t, arm))), "linux/arm/v7 2",
			},
			"several": {
				s.push(t, index(attestation(t, arm), addendum(arm, "linux", "arm", "v7"), addendum(amd64, "linux", "amd64", ""), attestation(t, amd64))),
				"linux/arm/v7 1, linux/amd64 1",
			},
			"platform not told by the index": {s.push(t, index(mutate.IndexAddendum{Add: arm64})), "linux/arm64 0"},
		} {
			entries, err := c.Entries(t.Context(), test.p)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for _, e := range entries {
				got = append(got, fmt.Sprint(e.Platform, " ", len(e.Attestations)))
				if e.Descriptor.Platform == nil || e.Descriptor.Size == 0 || !e.Descriptor.MediaType.IsImage() || e.LayerSize == 0 {
					t.Errorf("%s: entry %+v", name, e)
				}
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("%s: %v, want %s", name, got, test.want)
			}
		}
	}
}

func TestEntriesRefuseWhatIsNoImage(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	put := func(mediaType types.MediaType, manifest any) image.Pinned {
		raw, err := json.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		m := NewManifest(string(mediaType), raw)
		s.raw(t, http.MethodPut, "/v2/org/app/manifests/"+string(m.Digest), string(mediaType), string(raw))
		return s.repo(t).Pin(m.Digest)
	}
	blob := func(content string) v1.Descriptor {
		digest, size, err := v1.SHA256(strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		s.raw(t, http.MethodPost, "/v2/org/app/blobs/uploads/?digest="+digest.String(), "application/octet-stream", content)
		return v1.Descriptor{Digest: digest, Size: size}
	}
	withConfig := func(mediaType types.MediaType, config string) image.Pinned {
		d := blob(config)
		d.MediaType = mediaType
		return put(types.OCIManifestSchema1, v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: d, Layers: []v1.Descriptor{}})
	}
	amd64, other := platformImage(t, "linux", "amd64", ""), platformImage(t, "linux", "amd64", "")
	chart := withConfig("application/vnd.cncf.helm.config.v1+json", `{"name":"app"}`)
	artifact := withConfig("application/vnd.oci.empty.v1+json", "{}")
	entry := func(p image.Pinned, arch string) v1.Descriptor {
		return v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: v1.Hash{Algorithm: "sha256", Hex: p.Digest.Hex()}, Platform: &v1.Platform{OS: "linux", Architecture: arch}}
	}
	for name, test := range map[string]struct {
		p    image.Pinned
		want []string
	}{
		"nothing":             {s.repo(t).Pin("sha256:" + image.Digest(strings.Repeat("0", 64))), []string{"404"}},
		"helm chart":          {chart, []string{`an artifact of type "application/vnd.cncf.helm.config.v1+json"`}},
		"artifact":            {artifact, []string{"an artifact of type"}},
		"no platform":         {withConfig(types.OCIConfigJSON, `{"rootfs":{}}`), []string{"names no platform"}},
		"broken platform":     {withConfig(types.OCIConfigJSON, `{"os":"a b","architecture":"c"}`), []string{`"a b/c"`}},
		"broken config":       {withConfig(types.OCIConfigJSON, `{`), []string{"its configuration"}},
		"attestation":         {s.push(t, attestation(t, amd64).Add.(v1.Image)), []string{"an attestation manifest"}},
		"empty index":         {s.push(t, index()), []string{"no image"}},
		"index in an index":   {s.push(t, index(mutate.IndexAddendum{Add: index(addendum(amd64, "linux", "amd64", ""))})), []string{"image.index.v1+json", "not an image"}},
		"subject isn't there": {s.push(t, index(addendum(amd64, "linux", "amd64", ""), attestation(t, other))), []string{"attestation manifest", "which is not in it"}},
		"two that are none": {put(types.OCIImageIndex, v1.IndexManifest{
			SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{entry(chart, "amd64"), entry(artifact, "arm64")},
		}), []string{"helm", "vnd.oci.empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client(t, Credentials{}, Options{}).Entries(t.Context(), test.p)
			for _, want := range append(test.want, s.host()) {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
		})
	}
}

func TestPutManifestWritesNoTag(t *testing.T) {
	t.Parallel()
	for _, referrers := range []bool{true, false} {
		s := newServer(t, referrers)
		c := client(t, Credentials{}, Options{})
		one := s.push(t, platformImage(t, "linux", "amd64", ""))
		entries, err := c.Entries(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{entries[0].Descriptor}})
		if err != nil {
			t.Fatal(err)
		}
		m := NewManifest(string(types.OCIImageIndex), raw)
		for range 2 { // a second time changes nothing
			if err := c.PutManifest(t.Context(), one.Repository, m); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.Manifest(t.Context(), one.Repository.Pin(m.Digest))
		if err != nil || string(got.Raw) != string(raw) || got.MediaType != m.MediaType {
			t.Errorf("read back %+v, %v", got, err)
		}
		if tags := s.raw(t, http.MethodGet, "/v2/org/app/tags/list", "", ""); strings.Contains(tags.Body.String(), `"tags":["`) {
			t.Errorf("tags %s", tags.Body)
		}
	}
}

func TestPutManifestThatIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, false, fault(-1, "PUT", "/manifests/", status(http.StatusForbidden)))
	m := NewManifest(string(types.OCIImageIndex), []byte(`{}`))
	err := client(t, Credentials{}, Options{}).PutManifest(t.Context(), s.repo(t), m)
	if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), s.repo(t).Pin(m.Digest).String()) {
		t.Errorf("error %v", err)
	}
}

func FuzzParseEntries(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + strings.Repeat("0", 64) + `","size":1,"platform":{"os":"linux","architecture":"arm"}}]}`))
	f.Add([]byte(`{"manifests":[{"annotations":{"vnd.docker.reference.type":"attestation-manifest"}}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := parseEntries(raw)
		if err == nil && len(entries) == 0 {
			t.Errorf("%q: no image, and no error", raw)
		}
		for _, e := range entries {
			for _, a := range e.Attestations {
				if a.Annotations[subjectAnnotation] != e.Descriptor.Digest.String() {
					t.Errorf("%q: an attestation of another image", raw)
				}
			}
		}
	})
}
