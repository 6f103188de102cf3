// Command attest attaches signed statements to an image: SBOMs, provenance,
// reports of scanners, and others.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/attest"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("attest", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg attest.Config) (attest.Result, error) {
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Writes: true, Log: rt.Log})
	if err != nil {
		return attest.Result{}, err
	}
	token := sigstore.Remember(rt.IDToken)
	publisher, err := evidence.NewPublisher(ctx, reg, cfg.Sigstore, token, cfg.RetryFor,
		sigstore.Options{Transport: rt.Transport(cfg.RetryFor), Place: rt, Log: rt.Log})
	if err != nil {
		return attest.Result{}, err
	}
	deps := attest.Deps{Publisher: publisher, Token: token, TempDir: rt.TempDir()}
	if cfg.PushToGitHub {
		if deps.GitHub, err = gitHub(rt, cfg); err != nil {
			return attest.Result{}, err
		}
	}
	return attest.Run(ctx, cfg, deps)
}

func gitHub(rt *action.Runtime, cfg attest.Config) (*ghapi.Client, error) {
	gh, err := rt.GitHub()
	if err != nil {
		return nil, err
	}
	var repository ghapi.Repository
	if err := repository.UnmarshalText([]byte(gh.Repository)); err != nil {
		return nil, hint.New("input \"push-to-github\": nothing says which repository this is of", "run in a job of GitHub Actions, or set GITHUB_REPOSITORY")
	}
	return ghapi.New(ghapi.Options{APIURL: gh.APIURL, Repository: repository, Token: cfg.Registry.GitHubToken, Transport: rt.Transport(cfg.RetryFor)})
}
