// Command sbom describes an image: an SPDX and a CycloneDX document for each
// platform and for the index.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/sbom"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("sbom", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg sbom.Config) (sbom.Result, error) {
	created, err := sbom.ParseEpoch(rt.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return sbom.Result{}, err
	}
	gh, err := rt.GitHub()
	if err != nil {
		return sbom.Result{}, err
	}
	transport := rt.Transport(cfg.RetryFor)
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: transport, DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return sbom.Result{}, err
	}
	return sbom.Run(ctx, cfg, sbom.Deps{
		Registry: reg, TempDir: rt.TempDir(), Created: created, Log: rt.Log, Transport: transport,
		Job: sbom.Job{
			APIURL: gh.APIURL, ServerURL: gh.ServerURL, Repository: gh.Repository, Event: gh.Event,
			Workflow: gh.Workflow, Name: gh.Job, RunID: gh.RunID, Commit: gh.SHA, Ref: gh.Ref,
		},
	})
}
