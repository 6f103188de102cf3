// Command attest attaches signed statements to an image: SBOMs, provenance,
// reports of scanners, and others.
package main

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/ghapi"
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
	deps := attest.Deps{Token: token, Getenv: rt.Getenv, TempDir: rt.TempDir(), Open: func(ctx context.Context) (evidence.Publisher, error) {
		return evidence.NewPublisher(ctx, reg, cfg.Sigstore, token, cfg.RetryFor,
			sigstore.Options{Transport: rt.Transport(cfg.RetryFor), Place: rt, Log: rt.Log})
	}}
	if cfg.PushToGitHub {
		gh, err := rt.GitHub()
		if err != nil {
			return attest.Result{}, err
		}
		deps.GitHub, err = ghapi.ForJob(gh.Repository, ghapi.Options{APIURL: gh.APIURL, Token: cfg.Registry.GitHubToken, Transport: rt.Transport(cfg.RetryFor)})
		if err != nil {
			return attest.Result{}, fmt.Errorf("input \"push-to-github\": %w", err)
		}
	}
	return attest.Run(ctx, cfg, deps)
}
