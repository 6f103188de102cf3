package standin_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/devstack/standin"
	"github.com/org/release-actions/internal/secret"
)

var discard = log.New(io.Discard, "", 0)

func basic(user string, token secret.String) authn.Authenticator {
	return &authn.Basic{Username: user, Password: token.Reveal()}
}

func tagged(t *testing.T, ref string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func randomIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	index, err := random.Index(1000, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func digest(t *testing.T, d interface{ Digest() (v1.Hash, error) }) v1.Hash {
	t.Helper()
	h, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// artifact is a referrer as Sigstore's are: empty config, a type of its own.
func artifact(t *testing.T, subject v1.Descriptor) v1.Image {
	t.Helper()
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, "application/vnd.example.bundle+json")
	image = mutate.Annotations(image, map[string]string{"org.example.kind": "signature"}).(v1.Image)
	return mutate.Subject(image, subject).(v1.Image)
}

func TestBothRegistriesKeepWhatIsPushed(t *testing.T) {
	t.Parallel()
	servers, rt := start(t, standin.Options{})
	c := servers.Credentials
	for repo, auth := range map[string]authn.Authenticator{
		"ghcr.io/acme/hello":   basic("anybody", c.GitHubToken),
		"docker.io/acme/hello": basic(c.DockerHubUser, c.DockerHubToken),
	} {
		t.Run(repo, func(t *testing.T) {
			t.Parallel()
			options := []remote.Option{remote.WithTransport(rt), remote.WithAuth(auth), remote.WithContext(t.Context())}
			tag := tagged(t, repo+":1.2.3")
			index := randomIndex(t)
			if err := remote.WriteIndex(tag, index, options...); err != nil {
				t.Fatal(err)
			}
			pulled, err := remote.Index(tag, options...)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := digest(t, pulled), digest(t, index); got != want {
				t.Errorf("pulled %s, pushed %s", got, want)
			}
			manifest, err := pulled.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			image, err := pulled.Image(manifest.Manifests[0].Digest)
			if err != nil {
				t.Fatal(err)
			}
			layers, err := image.Layers()
			if err != nil {
				t.Fatal(err)
			}
			content, err := layers[0].Compressed()
			if err != nil {
				t.Fatal(err)
			}
			defer content.Close()
			if _, err := io.Copy(io.Discard, content); err != nil { // verifies the digest
				t.Error(err)
			}
			tags, err := remote.List(tag.Repository, options...)
			if err != nil || !slices.Equal(tags, []string{"1.2.3"}) {
				t.Errorf("tags %v, %v", tags, err)
			}

			subject, err := remote.Head(tag, options...)
			if err != nil {
				t.Fatal(err)
			}
			referrer := artifact(t, *subject)
			if err := remote.Write(tag.Digest(digest(t, referrer).String()), referrer, options...); err != nil {
				t.Fatal(err)
			}
			found, err := remote.Referrers(tag.Digest(subject.Digest.String()), options...)
			if err != nil {
				t.Fatal(err)
			}
			list, err := found.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Manifests) != 1 || list.Manifests[0].Digest != digest(t, referrer) {
				t.Errorf("referrers %+v, want the one pushed", list.Manifests)
			}
		})
	}
}

func TestOnlyDockerHubHasTheReferrersAPI(t *testing.T) {
	t.Parallel()
	servers, rt := start(t, standin.Options{})
	c := servers.Credentials
	for repo, want := range map[string]struct {
		auth     authn.Authenticator
		fallback bool
	}{
		"ghcr.io/acme/hello":   {basic("anybody", c.GitHubToken), true},
		"docker.io/acme/hello": {basic(c.DockerHubUser, c.DockerHubToken), false},
	} {
		options := []remote.Option{remote.WithTransport(rt), remote.WithAuth(want.auth), remote.WithContext(t.Context())}
		tag := tagged(t, repo+":1")
		if err := remote.WriteIndex(tag, randomIndex(t), options...); err != nil {
			t.Fatal(err)
		}
		subject, err := remote.Head(tag, options...)
		if err != nil {
			t.Fatal(err)
		}
		referrer := artifact(t, *subject)
		if err := remote.Write(tag.Digest(digest(t, referrer).String()), referrer, options...); err != nil {
			t.Fatal(err)
		}
		tags, err := remote.List(tag.Repository, options...)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(tags, "sha256-"+subject.Digest.Hex); got != want.fallback {
			t.Errorf("%s: fallback tag %v, want %v (tags %v)", repo, got, want.fallback, tags)
		}
	}
}

func TestRegistriesRefuseWhoMayNot(t *testing.T) {
	t.Parallel()
	servers, rt := start(t, standin.Options{})
	c := servers.Credentials
	hub := basic(c.DockerHubUser, c.DockerHubToken)
	index := randomIndex(t)
	seeded := tagged(t, "docker.io/library/base:1")
	err := remote.WriteIndex(seeded, index, remote.WithTransport(rt), remote.WithAuth(basic(c.SeedUser, c.SeedToken)))
	if err != nil {
		t.Fatal(err)
	}
	for title, tc := range map[string]struct {
		ref  string
		auth authn.Authenticator
		want int // of a push; 0 is none
	}{
		"hub anonymous":            {"docker.io/acme/hello", authn.Anonymous, http.StatusUnauthorized},
		"hub wrong token":          {"docker.io/acme/hello", basic(c.DockerHubUser, secret.New("x")), http.StatusUnauthorized},
		"hub read-only":            {"docker.io/acme/hello", basic(c.DockerHubUser, c.DockerHubReadToken), http.StatusUnauthorized},
		"hub read and write":       {"docker.io/acme/written", basic(c.DockerHubUser, c.DockerHubWriteToken), 0},
		"hub own namespace":        {"docker.io/acmebot/hello", hub, 0},
		"hub another's namespace":  {"docker.io/library/base", hub, http.StatusUnauthorized},
		"hub deeper than two":      {"docker.io/acme/a/b", hub, http.StatusUnauthorized},
		"ghcr anonymous":           {"ghcr.io/acme/hello", authn.Anonymous, http.StatusUnauthorized},
		"ghcr read-only":           {"ghcr.io/acme/hello", basic("x", c.GitHubReadToken), http.StatusForbidden},
		"ghcr another's namespace": {"ghcr.io/other/hello", basic("x", c.GitHubToken), http.StatusForbidden},
		"ghcr deep":                {"ghcr.io/acme/hello/sub", basic("x", c.GitHubToken), 0},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			ref := tagged(t, tc.ref+":2")
			err := remote.WriteIndex(ref, index, remote.WithTransport(rt), remote.WithAuth(tc.auth), remote.WithContext(t.Context()))
			if got := statusOf(err); got != tc.want || (tc.want == 0) != (err == nil) {
				t.Errorf("push: %v, want status %d", err, tc.want)
			}
		})
	}
	t.Run("seeded image is public", func(t *testing.T) {
		t.Parallel()
		if _, err := remote.Head(seeded, remote.WithTransport(rt), remote.WithContext(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func statusOf(err error) int {
	var terr *transport.Error
	if errors.As(err, &terr) {
		return terr.StatusCode
	}
	return 0
}
