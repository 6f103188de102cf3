// Command dockerhub-readme shows a README as the description of repositories
// on Docker Hub.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/steps/dockerhubreadme"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("dockerhub-readme", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg dockerhubreadme.Config) (dockerhubreadme.Result, error) {
	gh, err := rt.GitHub()
	if err != nil {
		return dockerhubreadme.Result{}, err
	}
	source := dockerhubreadme.Source{ServerURL: gh.ServerURL, Repository: gh.Repository, Ref: gh.RefName, Workspace: gh.Workspace}
	hub, err := dockerhub.New(dockerhub.Options{URL: cfg.HubURL, Username: cfg.Username, Password: cfg.Password, Transport: rt.Transport(cfg.RetryFor)})
	if err != nil {
		return dockerhubreadme.Result{}, err
	}
	return dockerhubreadme.Run(ctx, cfg, dockerhubreadme.Deps{Hub: hub, Source: source, Log: rt.Log})
}
