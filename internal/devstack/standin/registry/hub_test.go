package registry_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/secret"
)

const (
	user  = "acmebot"
	admin = "admin-token"
	read  = "read-token"
)

// hub is a Hub without a network, and its clock.
type hub struct {
	*registry.Hub
	clock atomic.Int64 // seconds
}

func newHub() *hub {
	h := &hub{}
	h.clock.Store(time.Now().Unix())
	h.Hub = registry.NewHub(registry.HubOptions{
		Accounts: registry.Accounts{
			{User: user, Token: secret.New(admin), Access: registry.Admin, Namespaces: []string{"acme"}},
			{User: user, Token: secret.New(read), Access: registry.ReadOnly, Namespaces: []string{"acme"}},
		},
		Now: func() time.Time { return time.Unix(h.clock.Load(), 0) },
	})
	return h
}

// request is one call of a handler.
type request struct {
	method, target, body string
	header               map[string]string
}

func (r request) to(h http.Handler) *http.Response {
	req := httptest.NewRequest(r.method, r.target, strings.NewReader(r.body))
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Result()
}

// token gets a bearer token with basic authentication, or without for no
// password.
func (h *hub) token(t *testing.T, password string, scopes ...string) string {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/token?"+url.Values{"scope": scopes}.Encode(), nil)
	if password != "" {
		req.SetBasicAuth(user, password)
	}
	w := httptest.NewRecorder()
	h.Auth().ServeHTTP(w, req)
	var answer struct{ Token string }
	decode(t, w.Result(), http.StatusOK, &answer)
	return answer.Token
}

// client is a Hub with a token.
type client struct {
	t       *testing.T
	handler http.Handler
	token   string
}

func (h *hub) client(t *testing.T, password string, scopes ...string) client {
	t.Helper()
	return client{t, h.Registry(), h.token(t, password, scopes...)}
}

// do sends a request, wants a status and returns header and body.
func (c client) do(want int, r request) (http.Header, string) {
	c.t.Helper()
	if r.header == nil {
		r.header = map[string]string{}
	}
	r.header["Authorization"] = "Bearer " + c.token
	resp := r.to(c.handler)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != want {
		c.t.Fatalf("%s %s = %d %s, want %d", r.method, r.target, resp.StatusCode, body, want)
	}
	return resp.Header, string(body)
}

func decode(t *testing.T, resp *http.Response, want int, v any) {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("status %d %s, want %d", resp.StatusCode, body, want)
	}
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatalf("decode %s: %v", body, err)
	}
}

func sum(content string) string {
	h, _, err := v1.SHA256(strings.NewReader(content))
	if err != nil {
		panic(err)
	}
	return h.String()
}

// pushBlob pushes a blob in one PUT and returns its descriptor.
func (c client) pushBlob(repo, content string) string {
	c.t.Helper()
	header, _ := c.do(http.StatusAccepted, request{method: http.MethodPost, target: "/v2/" + repo + "/blobs/uploads/"})
	c.do(http.StatusCreated, request{method: http.MethodPut, target: header.Get("Location") + "&digest=" + sum(content), body: content})
	return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}`, sum(content), len(content))
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// pushManifest pushes a manifest and returns the answer's header.
func (c client) pushManifest(want int, repo, reference, contentType, manifest string) http.Header {
	c.t.Helper()
	header, _ := c.do(want, request{
		method: http.MethodPut, target: "/v2/" + repo + "/manifests/" + reference,
		body: manifest, header: map[string]string{"Content-Type": contentType},
	})
	return header
}

// pushImage pushes an image of one layer and returns its manifest.
func (c client) pushImage(repo, tag, layer string) string {
	c.t.Helper()
	manifest := `{"schemaVersion":2,"config":` + c.pushBlob(repo, "{}") + `,"layers":[` + c.pushBlob(repo, layer) + `]}`
	c.pushManifest(http.StatusCreated, repo, tag, manifestType, manifest)
	return manifest
}
