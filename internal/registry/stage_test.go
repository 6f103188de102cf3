package registry

import (
	"net/http"
	"testing"
)

func TestStageLeavesOnlyManifestsToAttach(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	subject := s.push(t, randomImage(t))
	c := client(t, Credentials{}, Options{})
	content := make(chan []byte, 1)
	content <- bundle.Content
	c.Stage(t.Context(), subject, content)
	if n := s.count("PUT /v2/org/app/manifests/sha256"); n != 0 {
		t.Errorf("staging put %d manifests that refer to something", n)
	}
	looks, uploads := s.count("HEAD "), s.count("POST ")
	if _, err := c.Attach(t.Context(), subject, bundle); err != nil {
		t.Fatal(err)
	}
	if n := s.count("HEAD ") - looks + s.count("POST ") - uploads; n != 0 {
		t.Errorf("%d requests for what was staged", n)
	}
	found, err := c.Referrers(t.Context(), subject, bundle.ArtifactType)
	if err != nil || len(found) != 1 {
		t.Errorf("referrers: %v, %v", found, err)
	}
}

func TestWhatIsNotStagedIsUploadedByAttach(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		around func(http.ResponseWriter, *http.Request) bool
		made   bool
	}{
		"nothing was made":        {func(http.ResponseWriter, *http.Request) bool { return false }, false},
		"the upload didn't begin": {fault(1, "POST", "/blobs/uploads/", status(http.StatusBadRequest)), true},
		"the upload didn't end":   {fault(1, "PUT", "/blobs/uploads/", status(http.StatusBadRequest)), true},
		"no look at the subject":  {fault(2, "HEAD|GET", "/manifests/sha256:", status(http.StatusBadRequest)), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, true, test.around)
			subject := s.push(t, randomImage(t))
			c := client(t, Credentials{}, Options{})
			content := make(chan []byte, 1)
			if test.made {
				content <- bundle.Content
			}
			close(content)
			c.Stage(t.Context(), subject, content)
			if blob := "/v2/org/app/blobs/" + describe("", bundle.Content).Digest.String(); s.raw(t, http.MethodHead, blob, "", "").Code != http.StatusNotFound {
				t.Errorf("the bundle is there already: the fault struck something else")
			}
			attached, err := c.Attach(t.Context(), subject, bundle)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.Artifact(t.Context(), attached[0]); err != nil || string(got.Content) != string(bundle.Content) {
				t.Errorf("attached %q, %v", got.Content, err)
			}
		})
	}
}

func TestWarmLeavesNothingToAskOfTheRegistry(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)
	subject := s.push(t, randomImage(t))
	c := client(t, Credentials{}, Options{})
	c.Warm(t.Context(), subject, subject.Repository.Pin(NewManifest("", []byte("gone")).Digest))
	asked := s.count("GET /v2/org/app/referrers/")
	if found, err := c.Referrers(t.Context(), subject, ""); err != nil || len(found) != 0 {
		t.Errorf("referrers: %v, %v", found, err)
	}
	if n := s.count("GET /v2/org/app/referrers/") - asked; asked == 0 || n != 0 {
		t.Errorf("asked %d times early and %d times again", asked, n)
	}
}
