package registry

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
)

// server is a registry in memory behind handlers that may interfere.
type server struct {
	*httptest.Server
	store http.Handler

	mu       sync.Mutex
	requests []string // "METHOD path", as they came
	around   []func(w http.ResponseWriter, r *http.Request) bool
}

// newServer starts a registry. Each of around sees a request before the
// store, in order, and reports whether it answered it.
func newServer(t *testing.T, referrers bool, around ...func(w http.ResponseWriter, r *http.Request) bool) *server {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	s := &server{store: ggcr.New(ggcr.Logger(quiet), ggcr.WithReferrersSupport(referrers)), around: around}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		for _, f := range s.around {
			if f(w, r) {
				return
			}
		}
		s.store.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

func (s *server) count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if strings.HasPrefix(r, request) {
			n++
		}
	}
	return n
}

// raw sends a request to the store itself, past what is around it.
func (s *server) raw(t *testing.T, method, path, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.store.ServeHTTP(w, req)
	return w
}

func (s *server) repo(t *testing.T) image.Repository {
	t.Helper()
	return repository(t, s.host()+"/org/app")
}

func repository(t *testing.T, s string) image.Repository {
	t.Helper()
	repo, err := image.ParseRepository(s)
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// push stores an image or an index and returns it.
func (s *server) push(t *testing.T, what remote.Taggable) image.Pinned {
	t.Helper()
	direct := httptest.NewServer(s.store)
	defer direct.Close()
	digest, err := what.(interface{ Digest() (v1.Hash, error) }).Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewDigest(strings.TrimPrefix(direct.URL, "http://") + "/org/app@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Push(ref, what, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s.repo(t).Pin(image.Digest(digest.String()))
}

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// platformImage is an image whose config names its platform.
func platformImage(t *testing.T, os, arch, variant string) v1.Image {
	t.Helper()
	img := randomImage(t)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = os, arch, variant
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return mutate.MediaType(img, types.OCIManifestSchema1)
}

func index(add ...mutate.IndexAddendum) v1.ImageIndex {
	return mutate.IndexMediaType(mutate.AppendManifests(empty.Index, add...), types.OCIImageIndex)
}

// client returns one that waits for nothing.
func client(t *testing.T, c Credentials, o Options) *Client {
	t.Helper()
	if o.Transport == nil {
		o.Transport = &http.Transport{}
	}
	client, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	client.waits = make([]time.Duration, 5)
	return client
}

// basicAuth asks for a login.
func basicAuth(user, password string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if u, p, _ := r.BasicAuth(); u == user && p == password {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return true
	}
}

// refuse answers as the specification has errors.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{
		map[string]any{"code": code, "message": message, "detail": map[string]string{"secret": "do-not-quote"}},
	}})
}

// bearer is a token server for one user.
type bearer struct {
	user, password string

	mu      sync.Mutex
	expired int      // how many of the tokens are no longer good
	issued  []string // the scope of each token
}

func (b *bearer) around(w http.ResponseWriter, r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.URL.Path == "/token" {
		scope := r.URL.Query().Get("scope")
		if u, p, ok := r.BasicAuth(); ok && (u != b.user || p != b.password) {
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
			return true
		}
		fmt.Fprintf(w, `{"token":"token-%d"}`, len(b.issued))
		b.issued = append(b.issued, scope)
		return true
	}
	var n int
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer token-%d", &n); err == nil && n >= b.expired {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return true
}

// expireAt makes all tokens old when the first such request comes: "METHOD path".
func (b *bearer) expireAt(request string) func(http.ResponseWriter, *http.Request) bool {
	var once sync.Once
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Method+" "+r.URL.Path, request) {
			once.Do(func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.expired = len(b.issued)
			})
		}
		return false
	}
}

func newBearer() *bearer {
	return &bearer{user: "ann", password: "pass-word-1"}
}

// fault answers requests of a method whose path holds a part, a number of
// times or, where that is negative, always.
func fault(times int, method, part string, answer func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if times == 0 || !slices.Contains(strings.Split(method, "|"), r.Method) || !strings.Contains(r.URL.Path, part) {
			return false
		}
		times--
		answer(w)
		return true
	}
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

// undisturbed keeps its connections when another test's server closes.
var undisturbed = &http.Transport{}

// magic adds a header that shows that a request came through here.
type magic struct{}

func (magic) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Magic", "yes")
	return undisturbed.RoundTrip(req)
}

// rerouted sends every request to one server, whichever host it names.
type rerouted struct{ to *server }

func (r rerouted) RoundTrip(req *http.Request) (*http.Response, error) {
	target, err := url.Parse(r.to.URL)
	if err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	out.Host = req.URL.Host
	out.URL.Scheme, out.URL.Host = target.Scheme, target.Host
	resp, err := undisturbed.RoundTrip(out)
	if err == nil {
		resp.Request = req
	}
	return resp, err
}

func loginAs(host, user, password string) Credentials {
	return Credentials{Auth: AuthList{{Host: host, Username: user, Password: secret.New(password)}}}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
