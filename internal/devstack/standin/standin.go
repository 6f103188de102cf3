// Package standin is the part of the local world that is not made of others'
// programs: docker.io, ghcr.io, Docker Hub's and GitHub's APIs and GitHub's
// OIDC issuer, under their real names.
//
// [Start] runs them in the calling process, behind one CONNECT proxy on
// loopback that knows these names and refuses all others. A client that is
// given the proxy (HTTPS_PROXY) and the certificate authority (SSL_CERT_FILE)
// works word for word as it does outside, and nothing can leave the machine.
package standin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/issuer"
	"github.com/org/release-actions/internal/secret"
)

// Credentials are what the stand-ins accept. Start fills the empty ones with
// random values.
type Credentials struct {
	// GitHubToken may write releases, packages and tags; with any user name
	// it is ghcr.io's password too. GitHubReadToken may only read.
	GitHubToken, GitHubReadToken secret.String
	// DockerHubUser has a token for everything, one to push and pull, and one
	// only to pull. It owns its namespace and that of the repository's owner.
	DockerHubUser       string
	DockerHubToken      secret.String
	DockerHubWriteToken secret.String
	DockerHubReadToken  secret.String
	// SeedUser may write to docker.io/library, docker.io/docker and
	// docker.io/moby, where base images and frontends live.
	SeedUser  string
	SeedToken secret.String
	// IDTokenRequestToken is ACTIONS_ID_TOKEN_REQUEST_TOKEN.
	IDTokenRequestToken secret.String
}

// Options configure Start.
type Options struct {
	// Dir is where the certificate of the authority is written, as ca.pem.
	Dir string
	// Repository is the GitHub repository as owner/name; empty is acme/hello.
	Repository string
	// Commit is the SHA of its default branch; empty is a fixed one.
	Commit string
	// GHCRBackend is the URL of a distribution registry without
	// authentication on loopback; empty leaves ghcr.io out.
	GHCRBackend string
	Credentials Credentials
	// Claims replace default claims of the OIDC tokens, by name.
	Claims map[string]string
	// ImmutableReleases locks GitHub releases when they are published.
	ImmutableReleases bool
	// GitHubDescription is the file of GitHub's description of its API, which
	// all exchanges are held against; empty holds them against none.
	GitHubDescription string
	// Hosts are further names to serve.
	Hosts map[string]http.Handler
	// Log gets what the servers complain about; nil is nowhere.
	Log *slog.Logger
}

// Servers are the running stand-ins.
type Servers struct {
	// ProxyURL is the value of HTTPS_PROXY.
	ProxyURL string
	// CAFile and CAPEM are the certificate authority's certificate.
	CAFile string
	CAPEM  []byte
	// IDTokenRequestURL is ACTIONS_ID_TOKEN_REQUEST_URL. Clients append
	// &audience=; before that, &claim=value changes claims of the run.
	IDTokenRequestURL string
	// Credentials are those given, with the empty ones filled.
	Credentials Credentials
	// Faults makes requests fail and has the log of all requests. They go by
	// the real names; the ID token endpoint's is issuer.TokenHost.
	Faults *fault.Controller

	undescribed *complaints
	servers     []*http.Server
	running     sync.WaitGroup
}

// Undescribed are the requests and answers of GitHub's API that are not as its
// description has them.
func (s *Servers) Undescribed() []string { return s.undescribed.list() }

// Start runs the stand-ins until Close is called or ctx ends.
func Start(ctx context.Context, o Options) (_ *Servers, err error) {
	o.fill()
	s := &Servers{Credentials: o.Credentials, Faults: &fault.Controller{}, undescribed: &complaints{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	world, err := newWorld(o, s.undescribed)
	if err != nil {
		return nil, err
	}
	authority, err := newAuthority()
	if err != nil {
		return nil, err
	}
	s.CAPEM, s.CAFile = authority.pem, filepath.Join(o.Dir, "ca.pem")
	if err := os.WriteFile(s.CAFile, s.CAPEM, 0o644); err != nil {
		return nil, fmt.Errorf("write the local certificate authority: %w", err)
	}
	names := world.names()
	certificate, err := authority.certificate(names)
	if err != nil {
		return nil, err
	}

	tunnels := newTunnels()
	s.serve(ctx, o, tunnels, &http.Server{Handler: s.Faults.Wrap("", world), TLSConfig: certificate})
	listener, err := s.listen(ctx, o, newProxy(names, tunnels, s.Faults))
	if err != nil {
		return nil, err
	}
	s.ProxyURL = "http://" + listener.String()
	listener, err = s.listen(ctx, o, s.Faults.Wrap(issuer.TokenHost, world.tokens))
	if err != nil {
		return nil, err
	}
	s.IDTokenRequestURL = "http://" + listener.String() + issuer.TokenPath
	context.AfterFunc(ctx, func() { _ = s.Close() }) // Close reports to who calls it
	return s, nil
}

// fill replaces what is empty by its default.
func (o *Options) fill() {
	if o.Repository == "" {
		o.Repository = "acme/hello"
	}
	if o.Commit == "" {
		o.Commit = "0123456789abcdef0123456789abcdef01234567"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &o.Credentials
	if c.DockerHubUser == "" {
		c.DockerHubUser = "acmebot"
	}
	if c.SeedUser == "" {
		c.SeedUser = "seed"
	}
	for token, prefix := range map[*secret.String]string{
		&c.GitHubToken: "ghs_", &c.GitHubReadToken: "ghs_", &c.DockerHubToken: "dckr_pat_", &c.DockerHubWriteToken: "dckr_pat_",
		&c.DockerHubReadToken: "dckr_pat_", &c.SeedToken: "dckr_pat_", &c.IDTokenRequestToken: "",
	} {
		if token.IsZero() {
			*token = secret.New(prefix + rand.Text())
		}
	}
}

// listen serves h on a free port of loopback.
func (s *Servers) listen(ctx context.Context, o Options, h http.Handler) (net.Addr, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	s.serve(ctx, o, listener, &http.Server{Handler: h})
	return listener.Addr(), nil
}

func (s *Servers) serve(ctx context.Context, o Options, listener net.Listener, server *http.Server) {
	server.ReadHeaderTimeout = time.Minute
	server.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		var err error
		if server.TLSConfig != nil {
			err = server.ServeTLS(listener, "", "")
		} else {
			err = server.Serve(listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("a stand-in stopped", "error", err)
		}
	})
}

// Close ends all servers and their connections.
func (s *Servers) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.running.Wait()
	return errors.Join(errs...)
}
