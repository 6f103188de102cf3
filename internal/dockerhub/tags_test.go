package dockerhub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	hub "github.com/org/release-actions/internal/devstack/standin/dockerhub"
	"github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/transport"
	"github.com/org/release-actions/internal/webapi"
)

// world is Docker Hub with its registry. Its tokens are called as their access.
type world struct {
	*httptest.Server
	registry *registry.Hub
	requests atomic.Int32
	before   func(path string)
}

func newWorld(t *testing.T, o hub.Options) *world {
	t.Helper()
	o.Accounts = registry.Accounts{
		{User: "octo", Token: secret.New("admin"), Access: registry.Admin},
		{User: "octo", Token: secret.New("write"), Access: registry.ReadWrite},
	}
	w := &world{registry: registry.NewHub(registry.HubOptions{Accounts: o.Accounts})}
	o.Store = w.registry.Store()
	api := hub.New(o).API()
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/auth/token") {
			w.requests.Add(1)
			if w.before != nil {
				w.before(r.URL.RequestURI())
			}
		}
		api.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *world) as(t *testing.T, token string, retryFor time.Duration) *dockerhub.Client {
	t.Helper()
	c, err := dockerhub.New(dockerhub.Options{
		URL: w.URL, Username: "octo", Password: secret.New(token), Transport: transport.New(transport.Options{RetryFor: retryFor}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// push stores an index without images, like no other of another content.
func (w *world) push(t *testing.T, content, reference string) {
	t.Helper()
	auth := httptest.NewRequest(http.MethodGet, "/token?scope=repository:octo/app:pull,push", nil)
	auth.SetBasicAuth("octo", "admin")
	answer := httptest.NewRecorder()
	w.registry.Auth().ServeHTTP(answer, auth)
	token := strings.Split(strings.SplitN(answer.Body.String(), `"token":"`, 2)[1], `"`)[0]

	const mediaType = "application/vnd.oci.image.index.v1+json"
	put := httptest.NewRequest(http.MethodPut, "/v2/octo/app/manifests/"+reference,
		strings.NewReader(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"content":%q}}`, mediaType, content)))
	put.Header.Set("Content-Type", mediaType)
	put.Header.Set("Authorization", "Bearer "+token)
	answer = httptest.NewRecorder()
	w.registry.Registry().ServeHTTP(answer, put)
	if answer.Code != http.StatusCreated {
		t.Fatalf("push: %d %s", answer.Code, answer.Body)
	}
}

func TestAllTagsAndManifestsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hub.Options{})
	const count = 230
	for n := range count {
		w.push(t, fmt.Sprint(n), fmt.Sprintf("v%d", n))
	}
	w.push(t, "new", "v0") // so that what v0 was has no tag
	c := w.as(t, "admin", -1)
	tags, err := c.Tags(t.Context(), repository(t))
	if err != nil || len(tags) != count || w.requests.Load() != 3 {
		t.Fatalf("%d tags with %d requests, %v", len(tags), w.requests.Load(), err)
	}
	manifests, err := c.Manifests(t.Context(), repository(t))
	if err != nil || len(manifests) != count+1 || w.requests.Load() != 3+3 {
		t.Fatalf("%d manifests with %d requests, %v", len(manifests), w.requests.Load(), err)
	}
	digests := map[string]string{}
	untagged := 0
	for _, m := range manifests {
		for _, tag := range m.Tags {
			digests[tag] = string(m.Digest)
		}
		if len(m.Tags) == 0 {
			untagged++
		}
		if time.Since(m.Pushed) > time.Hour || !strings.Contains(m.MediaType, "index") {
			t.Fatalf("manifest %+v", m)
		}
	}
	for _, tag := range tags {
		if digests[tag.Name] != string(tag.Digest) || tag.Pushed.IsZero() {
			t.Errorf("tag %+v is of %s", tag, digests[tag.Name])
		}
	}
	if untagged != 1 {
		t.Errorf("%d manifests without a tag, want 1", untagged)
	}
	if tag, err := c.Tag(t.Context(), repository(t), "v7"); err != nil || string(tag.Digest) != digests["v7"] {
		t.Errorf("v7 is %+v, %v", tag, err)
	}
	if _, err := c.Tag(t.Context(), repository(t), "none"); !errors.Is(err, webapi.ErrNotFound) {
		t.Errorf("no such tag: %v", err)
	}
}

func TestAListingThatChangesIsMadeAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		changes int // how many listings something changes in
		fails   bool
	}{"once": {1, false}, "always": {1 << 20, true}} {
		w := newWorld(t, hub.Options{})
		for n := range 150 {
			w.push(t, fmt.Sprint(n), fmt.Sprintf("v%d", n))
		}
		pages := 0
		w.before = func(string) {
			// Each listing has two pages; a deletion in between moves one tag out of sight.
			if pages++; pages%2 == 0 && pages/2 <= test.changes {
				w.registry.Store().DeleteTag("octo/app", fmt.Sprintf("v%d", 149-pages/2))
			}
		}
		tags, err := w.as(t, "admin", -1).Tags(t.Context(), repository(t))
		if test.fails {
			if err == nil || !strings.Contains(err.Error(), "changes while it is listed") || len(hint.Of(err)) != 1 {
				t.Errorf("%s: %v", name, err)
			}
		} else if err != nil || len(tags) != 149 || pages != 4 {
			t.Errorf("%s: %d tags in %d pages, %v", name, len(tags), pages, err)
		}
	}
}

func TestTagsAreDeletedWithinTheRateLimit(t *testing.T) {
	t.Parallel()
	start := time.Now()
	// A minute of Docker Hub's passes in a second.
	w := newWorld(t, hub.Options{DeletionLimit: 2, Now: func() time.Time { return start.Add(60 * time.Since(start)) }})
	for n := range 3 {
		w.push(t, fmt.Sprint(n), fmt.Sprintf("v%d", n))
	}
	if err := w.as(t, "write", -1).DeleteTag(t.Context(), repository(t), "v0"); !errors.Is(err, webapi.ErrForbidden) ||
		!strings.Contains(strings.Join(hint.Of(err), " "), `"Read, Write, Delete"`) {
		t.Errorf("without the scope: %v %q", err, hint.Of(err))
	}
	impatient := w.as(t, "admin", -1)
	for n := range 2 {
		if err := impatient.DeleteTag(t.Context(), repository(t), fmt.Sprintf("v%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := impatient.DeleteTag(t.Context(), repository(t), "v2"); !errors.Is(err, webapi.ErrRateLimited) || len(hint.Of(err)) != 1 {
		t.Errorf("past the limit: %v %q", err, hint.Of(err))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := deleteWhenAllowed(ctx, t, impatient, "v2"); err != nil {
		t.Error(err)
	}
	if tags, err := impatient.Tags(t.Context(), repository(t)); err != nil || len(tags) != 0 {
		t.Errorf("left are %v, %v", tags, err)
	}
}

// deleteWhenAllowed tries until the limit is lifted.
func deleteWhenAllowed(ctx context.Context, t *testing.T, c *dockerhub.Client, tag string) error {
	t.Helper()
	for {
		err := c.DeleteTag(ctx, repository(t), tag)
		if !errors.Is(err, webapi.ErrRateLimited) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestManifestsThatTheAPIDoesntList(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		answer string
		kind   error
	}{
		"no such listing": {http.StatusNotFound, `{"message":"object not found"}`, webapi.ErrNotFound},
		"not allowed":     {http.StatusForbidden, `{"message":"insufficient scope"}`, webapi.ErrForbidden},
		"something else":  {http.StatusOK, `{"results":[]}`, dockerhub.ErrNoList},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(test.answer))
		})
		if all, err := c.Manifests(t.Context(), repository(t)); err == nil || all != nil || !errors.Is(err, test.kind) {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
}
