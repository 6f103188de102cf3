package registry_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	repo      = "acme/hello"
	repoScope = "repository:acme/hello:pull,push"
	indexType = "application/vnd.oci.image.index.v1+json"
)

func TestUploadInChunks(t *testing.T) {
	t.Parallel()
	c := newHub().client(t, admin, repoScope)
	header, _ := c.do(http.StatusAccepted, request{method: "POST", target: "/v2/" + repo + "/blobs/uploads/"})
	header, _ = c.do(http.StatusAccepted, request{method: "PATCH", target: header.Get("Location"), body: "hello"})
	if got := header.Get("Range"); got != "0-4" {
		t.Errorf("Range %q, want 0-4", got)
	}
	c.do(http.StatusRequestedRangeNotSatisfiable, request{method: "PATCH", target: header.Get("Location"), body: "x",
		header: map[string]string{"Content-Range": "9-9"}})
	header, _ = c.do(http.StatusAccepted, request{method: "PATCH", target: header.Get("Location"), body: ", ",
		header: map[string]string{"Content-Range": "5-6"}})
	header, _ = c.do(http.StatusNoContent, request{method: "GET", target: header.Get("Location")})
	if got := header.Get("Range"); got != "0-6" {
		t.Errorf("Range %q, want 0-6", got)
	}
	c.do(http.StatusCreated, request{method: "PUT", target: header.Get("Location") + "&digest=" + sum("hello, world"), body: "world"})
	c.do(http.StatusNotFound, request{method: "GET", target: header.Get("Location")})

	target := "/v2/" + repo + "/blobs/" + sum("hello, world")
	if _, body := c.do(http.StatusOK, request{method: "GET", target: target}); body != "hello, world" {
		t.Errorf("blob %q", body)
	}
	header, body := c.do(http.StatusPartialContent, request{method: "GET", target: target, header: map[string]string{"Range": "bytes=7-"}})
	if body != "world" || header.Get("Content-Range") != "bytes 7-11/12" {
		t.Errorf("range %q %q", header.Get("Content-Range"), body)
	}
	header, body = c.do(http.StatusOK, request{method: "HEAD", target: target})
	if body != "" || header.Get("Content-Length") != "12" || header.Get("Docker-Content-Digest") != sum("hello, world") {
		t.Errorf("HEAD %v %q", header, body)
	}
}

func TestUploadOfAnotherDigestIsRefused(t *testing.T) {
	t.Parallel()
	c := newHub().client(t, admin, repoScope)
	header, _ := c.do(http.StatusAccepted, request{method: "POST", target: "/v2/" + repo + "/blobs/uploads/"})
	_, body := c.do(http.StatusBadRequest, request{method: "PUT", target: header.Get("Location") + "&digest=" + sum("a"), body: "b"})
	if !strings.Contains(body, "DIGEST_INVALID") {
		t.Errorf("answer %s", body)
	}
	c.do(http.StatusNotFound, request{method: "GET", target: "/v2/" + repo + "/blobs/" + sum("a")})
	header, _ = c.do(http.StatusAccepted, request{method: "POST", target: "/v2/" + repo + "/blobs/uploads/"})
	c.do(http.StatusNoContent, request{method: "DELETE", target: header.Get("Location")})
	c.do(http.StatusNotFound, request{method: "GET", target: header.Get("Location")})
}

func TestBlobsBelongToTheirRepository(t *testing.T) {
	t.Parallel()
	h := newHub()
	both := h.client(t, admin, "repository:acme/a:pull,push", "repository:acme/b:pull,push")
	both.pushBlob("acme/a", "blob")
	both.pushBlob("acme/b", "other")
	both.do(http.StatusNotFound, request{method: "GET", target: "/v2/acme/b/blobs/" + sum("blob")})
	// Without the right to read the source, a mount is a plain upload.
	one := h.client(t, admin, "repository:acme/b:pull,push")
	mount := request{method: "POST", target: "/v2/acme/b/blobs/uploads/?from=acme/a&mount=" + sum("blob")}
	one.do(http.StatusAccepted, mount)
	both.do(http.StatusCreated, mount)
	both.do(http.StatusOK, request{method: "GET", target: "/v2/acme/b/blobs/" + sum("blob")})
	mount.target = "/v2/acme/b/blobs/uploads/?from=acme/a&mount=" + sum("absent")
	both.do(http.StatusAccepted, mount)
}

func TestManifestsAreChecked(t *testing.T) {
	t.Parallel()
	c := newHub().client(t, admin, repoScope)
	blob := c.pushBlob(repo, "{}")
	image := `{"schemaVersion":2,"config":` + blob + `,"layers":[]}`
	absent := `{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"` + sum("absent") + `","size":6}`
	absentImage := strings.Replace(absent, "layer.v1.tar", "manifest.v1+json", 1)
	for name, tc := range map[string]struct {
		reference, contentType, body string
		code                         string
	}{
		"no JSON":         {"1", manifestType, "x", "MANIFEST_INVALID"},
		"unknown type":    {"1", "application/json", image, "MANIFEST_INVALID"},
		"two types":       {"1", manifestType, `{"mediaType":"` + indexType + `","schemaVersion":2}`, "MANIFEST_INVALID"},
		"schema version":  {"1", manifestType, `{"schemaVersion":1,"config":` + blob + `}`, "MANIFEST_INVALID"},
		"index as image":  {"1", manifestType, `{"schemaVersion":2,"manifests":[]}`, "MANIFEST_INVALID"},
		"image as index":  {"1", indexType, image, "MANIFEST_INVALID"},
		"bad tag":         {"-x", manifestType, image, "TAG_INVALID"},
		"other digest":    {sum("other"), manifestType, image, "DIGEST_INVALID"},
		"absent layer":    {"1", manifestType, `{"schemaVersion":2,"config":` + blob + `,"layers":[` + absent + `]}`, "MANIFEST_BLOB_UNKNOWN"},
		"absent config":   {"1", manifestType, `{"schemaVersion":2,"config":` + absent + `}`, "MANIFEST_BLOB_UNKNOWN"},
		"absent platform": {"1", indexType, `{"schemaVersion":2,"manifests":[` + absentImage + `]}`, "MANIFEST_BLOB_UNKNOWN"},
	} {
		_, body := c.do(http.StatusBadRequest, request{method: "PUT", target: "/v2/" + repo + "/manifests/" + tc.reference,
			body: tc.body, header: map[string]string{"Content-Type": tc.contentType}})
		if !strings.Contains(body, tc.code) {
			t.Errorf("%s: answer %s, want %s", name, body, tc.code)
		}
	}
	_, body := c.do(http.StatusRequestEntityTooLarge, request{method: "PUT", target: "/v2/" + repo + "/manifests/1",
		body: strings.Repeat(" ", 4<<20+1)})
	if !strings.Contains(body, "4194304") {
		t.Errorf("answer %s", body)
	}
	c.pushManifest(http.StatusCreated, repo, sum(image), manifestType, image)
	c.do(http.StatusOK, request{method: "GET", target: "/v2/" + repo + "/manifests/" + sum(image)})
	c.do(http.StatusNotFound, request{method: "GET", target: "/v2/" + repo + "/manifests/1"})
}

func TestAcceptHeaderDecides(t *testing.T) {
	t.Parallel()
	c := newHub().client(t, admin, repoScope)
	c.pushImage(repo, "1", "layer")
	for accept, want := range map[string]int{
		"":                              200,
		"*/*":                           200,
		indexType + ", " + manifestType: 200,
		manifestType + ";q=0.5":         200,
		indexType:                       404,
	} {
		header := map[string]string{}
		if accept != "" {
			header["Accept"] = accept
		}
		c.do(want, request{method: "GET", target: "/v2/" + repo + "/manifests/1", header: header})
	}
}

func TestTagsArePaged(t *testing.T) {
	t.Parallel()
	c := newHub().client(t, admin, repoScope)
	for _, tag := range []string{"c", "a", "b"} {
		c.pushImage(repo, tag, "layer")
	}
	for query, want := range map[string]struct{ tags, link string }{
		"":            {`["a","b","c"]`, ""},
		"?n=2":        {`["a","b"]`, `</v2/acme/hello/tags/list?last=b&n=2>; rel="next"`},
		"?n=2&last=b": {`["c"]`, ""},
		"?last=c":     {`[]`, ""},
		"?n=0":        {`[]`, ""},
	} {
		header, body := c.do(http.StatusOK, request{method: "GET", target: "/v2/" + repo + "/tags/list" + query})
		if wantBody := `{"name":"acme/hello","tags":` + want.tags + `}`; body != wantBody || header.Get("Link") != want.link {
			t.Errorf("%q: %s, Link %q", query, body, header.Get("Link"))
		}
	}
	c.do(http.StatusBadRequest, request{method: "GET", target: "/v2/" + repo + "/tags/list?n=x"})
}

func TestReferrersSayTheirArtifactType(t *testing.T) {
	t.Parallel()
	c := newHub().client(t, admin, repoScope)
	subject := c.pushImage(repo, "1", "layer")
	pointer := `,"subject":{"mediaType":"` + manifestType + `","digest":"` + sum(subject) + `","size":1}`
	config := c.pushBlob(repo, "{}")
	typed := `{"schemaVersion":2,"artifactType":"application/vnd.a","config":` + config + `,"layers":[],"annotations":{"k":"v"}` + pointer + `}`
	byConfig := `{"schemaVersion":2,"config":` + config + `,"layers":[]` + pointer + `}`
	index := `{"schemaVersion":2,"artifactType":"application/vnd.i","manifests":[]` + pointer + `}`
	for manifest, contentType := range map[string]string{typed: manifestType, byConfig: manifestType, index: indexType} {
		header := c.pushManifest(http.StatusCreated, repo, sum(manifest), contentType, manifest)
		if got := header.Get("OCI-Subject"); got != sum(subject) {
			t.Errorf("OCI-Subject %q, want the subject's digest", got)
		}
	}
	list := func(query string) (http.Header, map[string]v1.Descriptor) {
		t.Helper()
		header, body := c.do(http.StatusOK, request{method: "GET", target: "/v2/" + repo + "/referrers/" + query})
		var index v1.IndexManifest
		if err := json.Unmarshal([]byte(body), &index); err != nil {
			t.Fatal(err)
		}
		found := map[string]v1.Descriptor{}
		for _, d := range index.Manifests {
			found[d.Digest.String()] = d
		}
		return header, found
	}
	header, found := list(sum(subject))
	if header.Get("Content-Type") != indexType || header.Get("OCI-Filters-Applied") != "" {
		t.Errorf("header %v", header)
	}
	for manifest, want := range map[string]string{
		typed: "application/vnd.a", byConfig: "application/vnd.oci.image.layer.v1.tar", index: "application/vnd.i",
	} {
		if got := found[sum(manifest)]; got.ArtifactType != want || got.Size != int64(len(manifest)) {
			t.Errorf("descriptor %+v, want artifactType %q", got, want)
		}
	}
	if got := found[sum(typed)].Annotations["k"]; got != "v" {
		t.Errorf("annotation %q, want v", got)
	}
	header, found = list(sum(subject) + "?artifactType=application/vnd.a")
	if _, ok := found[sum(typed)]; !ok || len(found) != 1 || header.Get("OCI-Filters-Applied") != "artifactType" {
		t.Errorf("filtered: %v, header %v", found, header)
	}
	if _, found := list(sum("nothing")); len(found) != 0 {
		t.Errorf("referrers of nothing: %v", found)
	}
	c.do(http.StatusBadRequest, request{method: "GET", target: "/v2/" + repo + "/referrers/latest"})
}

func TestTagsAndBlobsAreNotDeletedThroughTheRegistry(t *testing.T) {
	t.Parallel()
	c := newHub().client(t, admin, repoScope)
	c.pushImage(repo, "1", "layer")
	for _, path := range []string{"manifests/1", "blobs/" + sum("layer")} {
		if _, body := c.do(http.StatusMethodNotAllowed, request{method: "DELETE", target: "/v2/" + repo + "/" + path}); !strings.Contains(body, "UNSUPPORTED") {
			t.Errorf("answer %s", body)
		}
	}
	c.do(http.StatusOK, request{method: "GET", target: "/v2/" + repo + "/manifests/1"})
}

func TestPathsAndNamesAreChecked(t *testing.T) {
	t.Parallel()
	c := newHub().client(t, admin, repoScope)
	for path, want := range map[string]int{
		"/v2/Acme/hello/manifests/1":                          http.StatusBadRequest,
		"/v2/acme/" + strings.Repeat("a", 256) + "/tags/list": http.StatusBadRequest,
		"/v2/_catalog":              http.StatusNotFound,
		"/v1/search":                http.StatusNotFound,
		"/v2/acme/hello/tags/other": http.StatusMethodNotAllowed,
	} {
		c.do(want, request{method: "GET", target: path})
	}
}
