package preflight

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/sigstore"
)

// Permissions that a job grants.
const (
	contents     = "contents: write"
	packages     = "packages: write"
	idToken      = "id-token: write"
	events       = "security-events: write"
	attestations = "attestations: write"
)

// plan is what is looked at for a run.
type plan struct {
	Config
	Deps
	// earlier returns the image that an earlier run released from this commit.
	// It is looked for once, whoever asks.
	earlier func(context.Context) (image.Pinned, error)
}

func newPlan(cfg Config, d Deps) *plan {
	d.Token = sigstore.Remember(d.Token)
	p := &plan{Config: cfg, Deps: d}
	p.earlier = p.lookOnce()
	return p
}

// checks returns what to look at, in the order in which it is told.
func (p *plan) checks() []check {
	all := p.build()
	if !p.Push {
		return all
	}
	all = append(all, p.permissions()...)
	for _, repo := range p.Images {
		c := check{name: fmt.Sprintf("push to %q", repo), find: func(ctx context.Context) error { return p.Deps.Registry.CheckPush(ctx, repo) }}
		if repo.Host() == "ghcr.io" {
			c.grants, c.why = packages, "push to ghcr.io"
		}
		all = append(all, c)
	}
	all = append(all, check{name: "Sigstore", find: func(ctx context.Context) error {
		return sigstore.Reach(ctx, p.Config.Sigstore, p.Token, p.Deps.Sigstore)
	}})
	if p.Release {
		all = append(all, check{name: "the release page's section", find: func(context.Context) error {
			_, err := p.Notes.Open()
			return err
		}})
	}
	return append(append(all, p.version()...), p.pages()...)
}

// permissions are those of the job's token.
func (p *plan) permissions() []check {
	var all []check
	if p.Config.Sigstore.Trust.Key == "" {
		all = append(all, check{name: "an OIDC token", grants: idToken, why: "sign without keys, as this workflow", find: func(ctx context.Context) error {
			_, err := p.Token(ctx, "sigstore")
			return err
		}})
	}
	if p.GitHub == nil {
		return all
	}
	for _, c := range []struct {
		wanted     bool
		permission ghapi.Permission
		check
	}{
		{p.Release, ghapi.Contents, check{name: "the GitHub release", grants: contents, why: "create the GitHub release"}},
		{p.Snapshot && !p.Release, ghapi.Contents, check{name: "the dependency graph", grants: contents, why: "submit the image's packages"}},
		{p.Upload != uploadNever, ghapi.SecurityEvents, check{name: "findings in code scanning", grants: events, why: "show findings in code scanning", optional: p.Upload == uploadAuto}},
		{p.PushToGitHub, ghapi.Attestations, check{name: "attestations at GitHub", grants: attestations, why: "give the attestations to GitHub"}},
	} {
		if c.wanted {
			c.find = func(ctx context.Context) error { return granted(p.GitHub.CheckWrite(ctx, c.permission)) }
			all = append(all, c.check)
		}
	}
	return all
}

// granted makes of what GitHub says whether a permission is there, or that it
// says neither.
func granted(err error) error {
	if err == nil || errors.Is(err, ghapi.ErrForbidden) || errors.Is(err, ghapi.ErrUnauthorized) {
		return err
	}
	return undecided{err}
}
