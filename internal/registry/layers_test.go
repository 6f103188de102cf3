package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func anyLayer(string, map[string]string) bool { return true }

func layer(text string) Layer {
	return Layer{MediaType: "application/vnd.dsse.envelope.v1+json", Content: []byte(text), Annotations: map[string]string{"is": text}}
}

// contents returns the layers under the tag, in order.
func contents(t *testing.T, c *Client, s *server, tag string) []string {
	t.Helper()
	layers, err := c.Layers(t.Context(), s.repo(t).Tag(tag), anyLayer)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range layers {
		if l.Annotations["is"] != string(l.Content) || l.MediaType != layer("").MediaType {
			t.Errorf("layer %+v", l)
		}
		all = append(all, string(l.Content))
	}
	return all
}

func TestLayersAreAppendedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	tag := s.repo(t).Tag("sha256-abc.att")
	if got := contents(t, c, s, tag.Tag); got != nil {
		t.Errorf("before: %q", got)
	}
	for range 2 {
		for _, layers := range [][]Layer{{layer("a"), layer("b")}, {layer("b"), layer("c")}} {
			if err := c.AppendLayers(t.Context(), tag, layers...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := contents(t, c, s, tag.Tag); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("layers %q", got)
	}
	if n := s.count("PUT /v2/org/app/manifests/"); n != 2 {
		t.Errorf("the tag was written %d times", n)
	}
	only, err := c.Layers(t.Context(), tag, func(_ string, a map[string]string) bool { return a["is"] == "b" })
	if err != nil || len(only) != 1 || string(only[0].Content) != "b" {
		t.Errorf("one that is wanted: %+v, %v", only, err)
	}
	if n := s.count("GET /v2/org/app/blobs/"); n != 4 {
		t.Errorf("%d blobs were read, want those that are wanted", n)
	}
}

// What others wrote stays, also what is not known here; and what is written is an
// image to others.
func TestAppendingKeepsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	tag := s.repo(t).Tag("sha256-abc.att")
	theirs, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), mutate.Addendum{
		Layer: static.NewLayer([]byte("theirs"), types.MediaType(layer("").MediaType)), Annotations: map[string]string{"is": "theirs"},
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := theirs.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	s.push(t, theirs)
	with := strings.Replace(string(raw), `{"schemaVersion"`, `{"annotations":{"org":"theirs"},"unknown":[1,{"x":2}],"schemaVersion"`, 1)
	s.raw(t, http.MethodPut, "/v2/org/app/manifests/"+tag.Tag, string(types.OCIManifestSchema1), with)
	if err := c.AppendLayers(t.Context(), tag, layer("ours")); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, c, s, tag.Tag); !slices.Equal(got, []string{"theirs", "ours"}) {
		t.Errorf("layers %q", got)
	}
	got := s.raw(t, http.MethodGet, "/v2/org/app/manifests/"+tag.Tag, "", "").Body.Bytes()
	var before, after map[string]json.RawMessage
	if json.Unmarshal([]byte(with), &before) != nil || json.Unmarshal(got, &after) != nil {
		t.Fatalf("%s", got)
	}
	for _, field := range []string{"annotations", "unknown", "schemaVersion", "mediaType"} {
		if string(before[field]) != string(after[field]) {
			t.Errorf("%s was %s and is %s", field, before[field], after[field])
		}
	}
	target, err := name.ParseReference(s.host() + "/org/app:" + tag.Tag)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(target, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil || len(config.RootFS.DiffIDs) != 2 || validate.Image(img, validate.Fast) != nil {
		t.Errorf("the image is not valid: %+v, %v, %v", config, err, validate.Image(img, validate.Fast))
	}
}

func TestLayersOfSomethingElse(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	many := make([]v1.Descriptor, maxLayers+1)
	for n := range many {
		many[n] = describe("text/plain", []byte("x"))
	}
	tooMany, err := json.Marshal(v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: many[0], Layers: many})
	if err != nil {
		t.Fatal(err)
	}
	for tag, test := range map[string]struct{ mediaType, raw, want string }{
		"index":   {string(types.OCIImageIndex), `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`, "not an image manifest"},
		"garbage": {string(types.OCIManifestSchema1), `[1,2`, "not a valid image manifest"},
		"letters": {string(types.OCIManifestSchema1), `{"schemaVersion":2,"config":{"digest":"sha256:` + strings.Repeat("a", 64) + `"},"Layers":[]}`, `a field "Layers"`},
		"many":    {string(types.OCIManifestSchema1), string(tooMany), "more than 1000"},
	} {
		s.raw(t, http.MethodPut, "/v2/org/app/manifests/"+tag, test.mediaType, test.raw)
		if _, err := c.Layers(t.Context(), s.repo(t).Tag(tag), anyLayer); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), ":"+tag) {
			t.Errorf("read %s: %v", tag, err)
		}
		if err := c.AppendLayers(t.Context(), s.repo(t).Tag(tag), layer("x")); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("write %s: %v", tag, err)
		}
		if now := s.raw(t, http.MethodGet, "/v2/org/app/manifests/"+tag, "", "").Body.String(); now != test.raw {
			t.Errorf("%s was changed to %s", tag, now)
		}
	}
}

// Clients that know nothing of each other, as processes don't, write one tag at
// the same time.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	t.Parallel()
	const clients, rounds = 6, 3
	s := newServer(t, false)
	subject := s.push(t, randomImage(t))
	tag := subject.Repository.Tag(fallbackTag(subject.Digest) + ".att")
	var mu sync.Mutex
	want := map[string]bool{}
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			c := client(t, Credentials{}, Options{Transport: &http.Transport{}})
			// Longer than a turn takes on a machine that does much else.
			c.settle = 150 * time.Millisecond
			for round := range rounds {
				text := fmt.Sprintf("client %d, round %d", n, round)
				a := bundle
				a.Content = []byte(text)
				attached, err := c.Attach(t.Context(), subject, a)
				if err == nil {
					err = c.AppendLayers(t.Context(), tag, layer(text))
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[text], want[string(attached[0].Digest)] = true, true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	c := client(t, Credentials{}, Options{})
	got := map[string]bool{}
	for _, text := range contents(t, c, s, tag.Tag) {
		got[text] = true
	}
	found, err := c.Referrers(t.Context(), subject, bundle.ArtifactType)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		got[string(d.Digest)] = true
	}
	if len(want) != 2*clients*rounds || !maps.Equal(got, want) {
		t.Errorf("%d layers and referrers are there of %d that were written", len(got), len(want))
	}
}
