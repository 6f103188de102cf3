package registry

import (
	"strings"
	"testing"
)

func FuzzManifest(f *testing.F) {
	const contentType = "application/vnd.oci.image.manifest.v1+json"
	f.Add([]byte(`{"schemaVersion":2,"config":{"digest":"sha256:`+strings.Repeat("a", 64)+`"},"layers":[]}`), contentType)
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{}],"subject":{}}`), "application/vnd.oci.image.index.v1+json")
	f.Add([]byte(`null`), "")
	f.Fuzz(func(t *testing.T, raw []byte, contentType string) {
		m, err := parseManifest(raw, contentType)
		if err != nil {
			return
		}
		if m.mediaType.IsImage() == m.mediaType.IsIndex() {
			t.Errorf("media type %q is neither image nor index", m.mediaType)
		}
		if m.mediaType.IsImage() && len(m.blobs()) != len(m.Layers)+1 {
			t.Errorf("an image without a config: %s", raw)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"/v2/a/b/manifests/1", "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/id", "/v2/manifests/manifests/tags/list", "/v2//tags/list"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, err := parsePath(path)
		if err != nil {
			return
		}
		if again := "/v2/" + p.repo + "/" + p.kind + "/" + p.reference; again != path {
			t.Errorf("path %q was read as %q", path, again)
		}
		if !namePattern.MatchString(p.repo) {
			t.Errorf("path %q has the invalid name %q", path, p.repo)
		}
	})
}

func FuzzScope(f *testing.F) {
	f.Add("repository:acme/hello:pull,push")
	f.Add("repository:acme/hello:push repository:library/x:push")
	f.Add("::")
	f.Fuzz(func(t *testing.T, scopes string) {
		h := NewHub(HubOptions{})
		token, granted := h.issue(nil, strings.Fields(scopes))
		if granted != "" {
			t.Errorf("nobody was granted %q for %q", granted, scopes)
		}
		for repo := range h.tokens[token].grants {
			t.Errorf("nobody may use %q", repo)
		}
	})
}
