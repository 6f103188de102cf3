package registry

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/org/release-actions/internal/image"
)

var bundle = Artifact{
	ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
	MediaType:    "application/vnd.dev.sigstore.bundle.v0.3+json",
	Annotations:  map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "a": "b"},
	Content:      []byte(`{"a bundle":true}`),
}

func page(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<html>welcome</html>"))
}

func emptyListing(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	_, _ = w.Write([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`))
}

func TestAttachIsListedOnceAndReadBack(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*server{
		"referrers API": newServer(t, true),
		"fallback tag":  newServer(t, false),
		"web pages":     newServer(t, false, fault(-1, "GET", "/referrers/", page)),
		"not allowed":   newServer(t, false, fault(-1, "GET", "/referrers/", status(http.StatusMethodNotAllowed))),
		"listed late":   newServer(t, true, fault(3, "GET", "/referrers/", emptyListing)),
		"shown late":    newServer(t, false, fault(3, "GET", "/manifests/sha256-", status(http.StatusNotFound))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, Credentials{}, Options{})
			subject := s.push(t, randomImage(t))
			first, err := c.Attach(t.Context(), subject, bundle)
			if err != nil {
				t.Fatal(err)
			}
			second, err := client(t, Credentials{}, Options{}).Attach(t.Context(), subject, bundle)
			if err != nil {
				t.Fatal(err)
			}
			if first[0] != second[0] {
				t.Errorf("attached twice: %s and %s", first, second)
			}
			found, err := c.Referrers(t.Context(), subject, bundle.ArtifactType)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != 1 || found[0].Digest != first[0].Digest || found[0].ArtifactType != bundle.ArtifactType || found[0].Annotations["a"] != "b" {
				t.Errorf("referrers: %+v, want %s only", found, first[0].Digest)
			}
			if others, err := c.Referrers(t.Context(), subject, "application/other"); err != nil || len(others) != 0 {
				t.Errorf("referrers of another type: %v, %v", others, err)
			}
			got, err := c.Artifact(t.Context(), first[0])
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Content) != string(bundle.Content) || got.MediaType != bundle.MediaType || got.ArtifactType != bundle.ArtifactType {
				t.Errorf("artifact: %+v", got)
			}
		})
	}
}

func TestAttachKeepsEveryReferrerOfOneSubject(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*server{"referrers API": newServer(t, true), "fallback tag": newServer(t, false)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, Credentials{}, Options{})
			subject := s.push(t, randomImage(t))
			const n = 8
			want := make([]image.Digest, n)
			errs := make([]error, n)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					a := bundle
					a.Content = fmt.Appendf(nil, "bundle %d", i)
					var attached []image.Pinned
					if attached, errs[i] = c.Attach(t.Context(), subject, a); errs[i] == nil {
						want[i] = attached[0].Digest
					}
				})
			}
			wg.Wait()
			found, err := c.Referrers(t.Context(), subject, "")
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if errs[i] != nil {
					t.Error(errs[i])
				}
				if !slices.ContainsFunc(found, func(d Descriptor) bool { return d.Digest == want[i] }) {
					t.Errorf("referrer %d is not listed", i)
				}
			}
			if len(found) != n {
				t.Errorf("%d referrers, want %d", len(found), n)
			}
		})
	}
}

func TestAttachPutsBackWhatAnotherWriterOverwrote(t *testing.T) {
	t.Parallel()
	var s *server
	overwritten := false
	s = newServer(t, false, func(_ http.ResponseWriter, r *http.Request) bool {
		// Between our write and our read another process writes its own index.
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/sha256-") && !overwritten && s.count("PUT "+r.URL.Path) > 0 {
			overwritten = true
			s.raw(t, http.MethodPut, r.URL.Path, "application/vnd.oci.image.index.v1+json",
				`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
		}
		return false
	})
	c := client(t, Credentials{}, Options{})
	subject := s.push(t, randomImage(t))
	if _, err := c.Attach(t.Context(), subject, bundle); err != nil {
		t.Fatal(err)
	}
	found, err := c.Referrers(t.Context(), subject, bundle.ArtifactType)
	if err != nil || len(found) != 1 || !overwritten {
		t.Errorf("referrers: %v, %v; overwritten: %v", found, err, overwritten)
	}
}

func TestAttachFailsWhereTheReferrerIsNotListed(t *testing.T) {
	t.Parallel()
	s := newServer(t, true, fault(-1, "GET", "/referrers/", emptyListing))
	subject := s.push(t, randomImage(t))
	_, err := client(t, Credentials{}, Options{}).Attach(t.Context(), subject, bundle)
	if err == nil || !strings.Contains(err.Error(), "does not list it") || !strings.Contains(err.Error(), subject.String()) {
		t.Errorf("error %v, want one that says that the registry does not list it", err)
	}
	if n := s.count("PUT /v2/org/app/manifests/sha256-"); n != 0 {
		t.Errorf("the fallback tag was written %d times beside the Referrers API", n)
	}
}

func TestAttachUploadsWhatManifestsShareOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, true)
	subject := s.push(t, randomImage(t))
	for i, want := range []int{2, 3} { // the config and the bundle; the config is not asked for again
		if _, err := client(t, Credentials{}, Options{}).Attach(t.Context(), subject, bundle); err != nil {
			t.Fatal(err)
		}
		if got := s.count("POST "); got != want {
			t.Errorf("round %d: %d uploads so far, want %d", i, got, want)
		}
	}
}

func TestReferrersBelieveTheManifestAndNotTheListing(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	subject := s.push(t, randomImage(t))
	foreign, err := c.Attach(t.Context(), s.push(t, randomImage(t)), bundle)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := c.Attach(t.Context(), subject, bundle)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(d image.Digest, artifactType string) string {
		return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":%q,"artifactType":%q}`, d, artifactType)
	}
	gone := "sha256:" + strings.Repeat("0", 64)
	s.raw(t, http.MethodPut, "/v2/org/app/manifests/sha256-"+subject.Digest.Hex(), "application/json", fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s,%s,%s]}`,
		entry(ours[0].Digest, "application/a-lie"), entry(foreign[0].Digest, bundle.ArtifactType), entry(image.Digest(gone), bundle.ArtifactType)))
	found, err := c.Referrers(t.Context(), subject, bundle.ArtifactType)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Digest != ours[0].Digest {
		t.Errorf("referrers: %+v, want %s", found, ours[0].Digest)
	}
}

// Who looks for a type among those that the tag lists would miss ours.
func TestAWrongTypeInTheFallbackTagIsSeenAndPutRight(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	c := client(t, Credentials{}, Options{})
	subject := s.push(t, randomImage(t))
	ours, err := c.Attach(t.Context(), subject, bundle)
	if err != nil {
		t.Fatal(err)
	}
	path := "/v2/org/app/manifests/" + fallbackTag(subject.Digest)
	right := s.raw(t, http.MethodGet, path, "", "").Body.String()
	theirs := fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":%q,"artifactType":"theirs","x":[1]}`, s.push(t, randomImage(t)).Digest)
	wrong := strings.Replace(strings.Replace(right, `"artifactType":"`+bundle.ArtifactType, `"artifactType":"application/vnd.oci.empty.v1+json`, 1), `"manifests":[`, `"manifests":[`+theirs+",", 1)
	if wrong == right {
		t.Fatalf("nothing was replaced in %s", right)
	}
	if put := s.raw(t, http.MethodPut, path, "application/vnd.oci.image.index.v1+json", wrong); put.Code != http.StatusCreated {
		t.Fatalf("%d %s", put.Code, put.Body)
	}
	found, err := c.Referrers(t.Context(), subject, bundle.ArtifactType)
	if err != nil || len(found) != 1 || !found[0].Mislisted {
		t.Fatalf("referrers %+v, %v", found, err)
	}
	if again, err := c.Attach(t.Context(), subject, bundle); err != nil || again[0] != ours[0] {
		t.Fatalf("%v, %v", again, err)
	}
	found, err = c.Referrers(t.Context(), subject, bundle.ArtifactType)
	if err != nil || len(found) != 1 || found[0].Mislisted {
		t.Errorf("afterwards %+v, %v", found, err)
	}
	if now := s.raw(t, http.MethodGet, path, "", "").Body.String(); strings.Count(now, "sha256:") != 2 || !strings.Contains(now, theirs) {
		t.Errorf("the tag is %s", now)
	}
}

func TestReferrersReadsEveryPage(t *testing.T) {
	t.Parallel()
	s := newServer(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/referrers/") && r.URL.Query().Get("page") == "" {
			w.Header().Set("Link", "<"+r.URL.Path+`?page=2>; rel="next"`)
			emptyListing(w)
			return true
		}
		return false
	})
	c := client(t, Credentials{}, Options{})
	subject := s.push(t, randomImage(t))
	if _, err := c.Attach(t.Context(), subject, bundle); err != nil {
		t.Fatal(err)
	}
	found, err := c.Referrers(t.Context(), subject, "")
	if err != nil || len(found) != 1 {
		t.Errorf("referrers: %v, %v", found, err)
	}
}

func TestArtifactRefusesWhatIsNotAsItsManifestSays(t *testing.T) {
	t.Parallel()
	s := newServer(t, true)
	c := client(t, Credentials{}, Options{})
	attached, err := c.Attach(t.Context(), s.push(t, randomImage(t)), bundle)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Manifest(t.Context(), attached[0])
	if err != nil {
		t.Fatal(err)
	}
	size := fmt.Sprintf(`"size":%d`, len(bundle.Content))
	for name, test := range map[string]struct{ old, new, want string }{
		"too long":   {size, fmt.Sprintf(`"size":%d`, maxContent+1), "larger than 64 MiB"},
		"shorter":    {size, `"size":3`, "bytes that the manifest says"},
		"no layer":   {`"layers":[`, `"blobs":[`, "has no layer"},
		"not a JSON": {"{", "", "not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(string(m.Raw), test.old, test.new, 1)
			if text == string(m.Raw) {
				t.Fatal("nothing was replaced in", text)
			}
			put := s.raw(t, http.MethodPut, "/v2/org/app/manifests/"+strings.ReplaceAll(name, " ", "-"), m.MediaType, text)
			changed := attached[0].Repository.Pin(image.Digest(put.Header().Get("Docker-Content-Digest")))
			if _, err := c.Artifact(t.Context(), changed); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	t.Run("another content", func(t *testing.T) {
		t.Parallel()
		s.around = append(s.around, fault(-1, "GET", "/blobs/", func(w http.ResponseWriter) {
			_, _ = w.Write([]byte(strings.Replace(string(bundle.Content), "true", "TRUE", 1)))
		}))
		if _, err := c.Artifact(t.Context(), attached[0]); err == nil {
			t.Error("content with another digest was accepted")
		}
	})
}
