// Command metadata derives an image's tags, labels and annotations from what
// started the workflow.
package main

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/metadata"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("metadata", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg metadata.Config) (metadata.Result, error) {
	gh, err := rt.GitHub()
	if err != nil {
		return metadata.Result{}, err
	}
	d := metadata.Deps{Local: !rt.InActions(), Dir: gh.Workspace, Environ: rt.Environ(), Log: rt.Log}
	var errs [4]error
	d.Event, errs[0] = metadata.NewEvent(gh.EventName, gh.Ref, gh.SHA, gh.Event)
	d.Settings, errs[1] = metadata.ParseSettings(rt.Getenv, time.Now())
	if rt.InActions() {
		d.TempDir = rt.TempDir()
	}
	if gh.Repository != "" {
		d.GitHub, errs[2] = ghapi.ForJob(gh.Repository, ghapi.Options{APIURL: gh.APIURL, Token: cfg.Registry.GitHubToken, Transport: rt.Transport(cfg.RetryFor)})
	}
	if cfg.AsksRegistries() {
		d.Registry, errs[3] = registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	}
	if err := errors.Join(errs[:]...); err != nil {
		return metadata.Result{}, err
	}
	return metadata.Run(ctx, cfg, d)
}
