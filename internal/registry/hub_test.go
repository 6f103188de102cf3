package registry

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	standin "github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
)

// handlers is a transport that serves each host by a handler.
type handlers map[string]http.Handler

func (h handlers) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := req.Clone(req.Context())
	in.Host = req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	h[req.URL.Host].ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

// TestDockerHub uses the client on Docker Hub as the local world has it: a
// token server of its own, scopes, the Referrers API, and deletions of what
// nothing refers to.
func TestDockerHub(t *testing.T) {
	t.Parallel()
	hub := standin.NewHub(standin.HubOptions{Accounts: standin.Accounts{
		{User: "org", Token: secret.New("writes"), Access: standin.ReadWrite},
		{User: "org", Token: secret.New("deletes"), Access: standin.Admin},
		{User: "org", Token: secret.New("reads"), Access: standin.ReadOnly},
	}})
	network := handlers{"index.docker.io": hub.Registry(), "auth.docker.io": hub.Auth()}
	as := func(token string) *Client {
		var c Credentials
		if token != "" {
			c = Credentials{DockerHubUsername: "org", DockerHubToken: secret.New(token)}
		}
		return client(t, c, Options{Transport: network})
	}
	writer := as("writes")
	repo := repository(t, "org/app")
	img := platformImage(t, "linux", "amd64", "")
	s, err := writer.session(t.Context(), repo, "push,pull")
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(s.repo.Digest(digest.String()), img, remote.WithTransport(s.client.Transport)); err != nil {
		t.Fatal(err)
	}
	p := repo.Pin(image.Digest(digest.String()))

	attached, err := writer.Attach(t.Context(), p, bundle)
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Tag(t.Context(), p, "1.2"); err != nil {
		t.Fatal(err)
	}
	if err := writer.Untag(t.Context(), repo.Tag("1.2")); !errors.Is(err, ErrUnsupported) {
		t.Errorf("untag: error %v, want ErrUnsupported", err)
	}
	for _, token := range []string{"reads", ""} {
		reader := as(token)
		if got, err := reader.Resolve(t.Context(), repo.Tag("1.2")); err != nil || got != p {
			t.Errorf("token %q: resolve: %s, %v", token, got, err)
		}
		if got, err := reader.Referrers(t.Context(), p, bundle.ArtifactType); err != nil || len(got) != 1 || got[0].Digest != attached[0].Digest {
			t.Errorf("token %q: referrers: %v, %v", token, got, err)
		}
		if err := reader.CheckPush(t.Context(), repo); !errors.Is(err, ErrDenied) || !strings.Contains(strings.Join(hint.Of(err), ""), "dockerhub-token") {
			t.Errorf("token %q: push: error %v, want ErrDenied with a hint", token, err)
		}
	}
	if err := writer.DeleteManifest(t.Context(), attached[0]); !errors.Is(err, ErrDenied) || !strings.Contains(strings.Join(hint.Of(err), " "), "still refers") {
		t.Errorf("delete without the scope: %v %q", err, hint.Of(err))
	}
	deleter := as("deletes")
	if err := deleter.DeleteManifest(t.Context(), p); !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "403") {
		t.Errorf("delete what a tag has: %v", err)
	}
	if err := deleter.DeleteManifest(t.Context(), attached[0]); err != nil {
		t.Error(err)
	}
	if there, err := deleter.Exists(t.Context(), attached[0]); err != nil || there {
		t.Errorf("the deleted manifest exists: %v, %v", there, err)
	}
	if there, err := deleter.Exists(t.Context(), p); err != nil || !there {
		t.Errorf("the image exists: %v, %v", there, err)
	}
	if err := as("wrong").CheckPush(t.Context(), repo); !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "auth.docker.io answered 401") {
		t.Errorf("wrong token: error %v", err)
	}
}
