// Command dockerhub-readme shows a README as the description of repositories
// on Docker Hub, Quay or Harbor.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/dockerhubreadme"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("dockerhub-readme", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg dockerhubreadme.Config) (dockerhubreadme.Result, error) {
	job, err := rt.Job()
	if err != nil {
		return dockerhubreadme.Result{}, err
	}
	pages, err := dockerhubreadme.Open(cfg, rt.Transport(cfg.RetryFor))
	if err != nil {
		return dockerhubreadme.Result{}, err
	}
	return dockerhubreadme.Run(ctx, cfg, dockerhubreadme.Deps{Pages: pages, Job: job, Log: rt.Log, Out: rt.Stdout})
}
