package preflight

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/release-actions/internal/devstack/standin"
	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/transport"
)

const (
	commit   = sigstoretest.Commit
	workflow = "acme/hello/.github/workflows/release.yml@refs/tags/v1.2.3"
)

// world is a job that releases v1.2.3 of acme/hello to ghcr.io and Docker Hub,
// and may do all that it takes.
type world struct {
	t        *testing.T
	servers  *standin.Servers
	sigstore *sigstoretest.Instance
	base     http.RoundTripper
	log      strings.Builder
	dir      string

	cfg                Config
	token              sigstore.TokenSource
	githubToken        secret.String
	hubUser, hubSecret string
	ref                string
}

func newWorld(t *testing.T, o standin.Options) *world {
	t.Helper()
	backend := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(backend.Close)
	w := &world{t: t, dir: t.TempDir(), sigstore: sigstoretest.New(t), token: sigstoretest.Token(workflow), ref: "refs/tags/v1.2.3"}
	o.Dir, o.GHCRBackend = t.TempDir(), backend.URL
	var err error
	if w.servers, err = standin.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.servers.Close(); err != nil {
			t.Error(err)
		}
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.servers.CAPEM)
	through := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Proxy: func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme == "http" { // Sigstore's services
			return nil, nil
		}
		return url.Parse(w.servers.ProxyURL)
	}}
	t.Cleanup(through.CloseIdleConnections)
	w.base = transport.New(transport.Options{Base: through, RetryFor: -1, UserAgent: "release-actions/test"})

	w.githubToken, w.hubUser, w.hubSecret = w.servers.Credentials.GitHubToken, "acmebot", w.servers.Credentials.DockerHubToken.Reveal()
	w.cfg = Config{
		Images: w.repositories("ghcr.io/acme/hello", "docker.io/acme/hello"), Push: true, Release: true, Version: "1.2.3",
		Sigstore: sigstore.Instance{Trust: sigstore.Trust{TrustedRoot: w.sigstore.TrustedRoot}, SigningConfig: w.sigstore.SigningConfig},
		Upload:   uploadAuto, PushToGitHub: true, DockerHubReadme: true, Readme: "README.md",
		Build: Build{Context: w.dir}, RetryFor: time.Second,
	}
	for _, repo := range w.cfg.Images {
		w.cfg.Tags = append(w.cfg.Tags, repo.Tag("1.2.3"), repo.Tag("1.2"), repo.Tag("latest"))
	}
	w.write("Dockerfile", "FROM scratch AS base\nFROM base as final\n")
	w.write("README.md", "# Hello\n")
	if !slices.Contains(o.Ungranted, "contents") {
		w.api(http.MethodPost, "/git/refs", `{"ref":"refs/tags/v1.2.3","sha":"`+commit+`"}`)
	}
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) repositories(names ...string) []image.Repository {
	w.t.Helper()
	var all []image.Repository
	for _, n := range names {
		repo, err := image.ParseRepository(n)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, repo)
	}
	return all
}

// api asks GitHub with the token that may everything, and returns the answer.
func (w *world) api(method, path, body string) string {
	w.t.Helper()
	return w.ask(method, "https://api.github.com/repos/acme/hello"+path, "Bearer "+w.servers.Credentials.GitHubToken.Reveal(), body)
}

func (w *world) ask(method, address, authorization, body string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := w.base.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 && resp.StatusCode != http.StatusNotFound {
		w.t.Fatalf("%s %s: %s, %v: %s", method, address, resp.Status, err, text)
	}
	return string(text)
}

// client is the registries' for the job's logins.
func (w *world) client() *registry.Client {
	w.t.Helper()
	c := registry.Credentials{GitHubToken: w.githubToken, DockerHubUsername: w.hubUser, DockerHubToken: secret.New(w.hubSecret)}
	client, err := registry.New(c, registry.Options{Transport: w.base})
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// release leaves what an earlier run released: an image in every registry, signed
// as workflow, with the version's tag in the first n of them.
func (w *world) release(workflow, revision string, n int) image.Digest {
	w.t.Helper()
	config := &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{Labels: map[string]string{"org.opencontainers.image.revision": revision}}}
	img, err := mutate.ConfigFile(empty.Image, config)
	if err != nil {
		w.t.Fatal(err)
	}
	hash, err := img.Digest()
	if err != nil {
		w.t.Fatal(err)
	}
	digest := image.Digest(hash.String())
	logins := []authn.Basic{
		{Username: "x", Password: w.servers.Credentials.GitHubToken.Reveal()},
		{Username: "acmebot", Password: w.servers.Credentials.DockerHubToken.Reveal()},
	}
	for i, repo := range w.cfg.Images {
		ref, err := name.NewDigest(repo.Pin(digest).String())
		if err != nil {
			w.t.Fatal(err)
		}
		if err := remote.Write(ref, img, remote.WithContext(w.t.Context()), remote.WithTransport(w.base), remote.WithAuth(&logins[i])); err != nil {
			w.t.Fatal(err)
		}
		if i < n {
			if err := w.client().Tag(w.t.Context(), repo.Pin(digest), "1.2.3"); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	p, err := evidence.NewPublisher(w.t.Context(), w.client(), w.cfg.Sigstore, sigstoretest.Token(workflow), time.Second,
		sigstore.Options{Transport: w.base, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	claims := []evidence.Claim{{Digest: digest, Statement: intoto.Signature(digest)}}
	if _, err := p.Publish(w.t.Context(), w.cfg.Images, claims); err != nil {
		w.t.Fatal(err)
	}
	return digest
}

// run does the checks, as the job would.
func (w *world) run() (Result, error) {
	w.t.Helper()
	github, err := ghapi.ForJob("acme/hello", ghapi.Options{Token: w.githubToken, Transport: w.base})
	if err != nil {
		w.t.Fatal(err)
	}
	d := Deps{
		Registry: w.client(), GitHub: github, Token: w.token, Sigstore: sigstore.Options{Transport: w.base},
		Job: job.Job{Commit: commit, Ref: w.ref, Workspace: w.dir}, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	if w.hubUser != "" {
		if d.Hub, err = dockerhub.New(dockerhub.Options{Username: w.hubUser, Password: secret.New(w.hubSecret), Transport: w.base}); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.cfg.Validate(); err != nil {
		w.t.Fatal(err)
	}
	return Run(w.t.Context(), w.cfg, d)
}

// state is all that a check could change, as its owners see it.
func (w *world) state() string {
	w.t.Helper()
	hub := w.ask(http.MethodGet, "https://hub.docker.com/v2/repositories/acme/hello/", "", "")
	return fmt.Sprintln(hub[:strings.Index(hub+`"last_updated"`, `"last_updated"`)], w.api(http.MethodGet, "/releases", ""), w.api(http.MethodGet, "/git/matching-refs/", ""),
		w.api(http.MethodGet, "/code-scanning/analyses", ""), w.api(http.MethodGet, "/attestations/sha256:"+strings.Repeat("0", 64), ""))
}
