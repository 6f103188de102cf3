package registry

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/org/release-actions/internal/image"
)

// statements puts an attestation manifest about img into an index, with a
// statement of each predicate type.
func statements(t *testing.T, img v1.Image, predicateTypes ...string) mutate.IndexAddendum {
	t.Helper()
	entry := attestation(t, img)
	manifest := empty.Image
	for _, predicateType := range predicateTypes {
		layer := static.NewLayer([]byte(`{"predicateType":"`+predicateType+`"}`), "application/vnd.in-toto+json")
		var err error
		manifest, err = mutate.Append(manifest, mutate.Addendum{Layer: layer, Annotations: map[string]string{"in-toto.io/predicate-type": predicateType}})
		if err != nil {
			t.Fatal(err)
		}
	}
	entry.Add = manifest
	return entry
}

func digestOf(t *testing.T, img v1.Image) image.Digest {
	t.Helper()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return image.Digest(digest.String())
}

func TestBuildAttestations(t *testing.T) {
	t.Parallel()
	amd64, arm := platformImage(t, "linux", "amd64", ""), platformImage(t, "linux", "arm", "v7")
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	p := s.push(t, index(
		addendum(amd64, "linux", "amd64", ""), addendum(arm, "linux", "arm", "v7"),
		statements(t, amd64, "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"),
		statements(t, arm, "https://slsa.dev/provenance/v0.2"), statements(t, arm, "https://spdx.dev/Document"),
	))
	found, err := c.BuildAttestations(t.Context(), p, "https://slsa.dev/provenance/")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range found {
		if NewManifest("", a.Statement).Digest != a.Digest || a.MediaType != "application/vnd.in-toto+json" {
			t.Errorf("%s of type %s is %s", a.Digest, a.MediaType, a.Statement)
		}
		got = append(got, string(a.Image)+" "+string(a.Statement))
	}
	want := []string{
		string(digestOf(t, amd64)) + ` {"predicateType":"https://slsa.dev/provenance/v1"}`,
		string(digestOf(t, arm)) + ` {"predicateType":"https://slsa.dev/provenance/v0.2"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if alone, err := c.BuildAttestations(t.Context(), s.push(t, amd64), ""); err != nil || len(alone) != 0 {
		t.Errorf("of an image alone: %v, %v", alone, err)
	}
}

func TestABuildAttestationThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	amd64 := platformImage(t, "linux", "amd64", "")
	s := newServer(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	})
	p := s.push(t, index(addendum(amd64, "linux", "amd64", ""), statements(t, amd64, "https://slsa.dev/provenance/v1")))
	_, err := client(t, Credentials{}, Options{}).BuildAttestations(t.Context(), p, "")
	if err == nil || !strings.HasPrefix(err.Error(), "read BuildKit's attestations of ") {
		t.Errorf("got %v", err)
	}
}
