// Command preflight finds out what would fail when an image is built, signed and
// released, before any of it is done.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/preflight"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("preflight", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg preflight.Config) (preflight.Result, error) {
	gh, err := rt.GitHub()
	if err != nil {
		return preflight.Result{}, err
	}
	transport := rt.Transport(cfg.RetryFor)
	d := preflight.Deps{
		Token: rt.IDToken, Sigstore: sigstore.Options{Transport: transport, Place: rt, Log: rt.Log},
		Commit: gh.SHA, Ref: gh.Ref, Workspace: gh.Workspace, Log: rt.Log,
	}
	d.Registry, err = registry.New(cfg.Registry, registry.Options{Transport: transport, DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return preflight.Result{}, err
	}
	if gh.Repository != "" {
		d.GitHub, err = ghapi.ForJob(gh.Repository, ghapi.Options{APIURL: gh.APIURL, Token: cfg.Registry.GitHubToken, Transport: transport})
		if err != nil {
			return preflight.Result{}, err
		}
	}
	if cfg.Registry.DockerHubUsername != "" {
		d.Hub, err = dockerhub.New(dockerhub.Options{Username: cfg.Registry.DockerHubUsername, Password: cfg.Registry.DockerHubToken, Transport: transport})
		if err != nil {
			return preflight.Result{}, err
		}
	}
	return preflight.Run(ctx, cfg, d)
}
