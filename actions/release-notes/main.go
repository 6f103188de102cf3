// Command release-notes publishes the GitHub release of a tag, with the
// commands to pull and verify its image.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("release-notes", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg releasenotes.Config) (releasenotes.Result, error) {
	gh, err := rt.GitHub()
	if err != nil {
		return releasenotes.Result{}, err
	}
	target, err := cfg.Target(gh.Repository)
	if err != nil {
		return releasenotes.Result{}, err
	}
	transport := rt.Transport(cfg.RetryFor)
	api, err := ghapi.New(ghapi.Options{APIURL: gh.APIURL, Repository: target, Token: cfg.Token(), Transport: transport})
	if err != nil {
		return releasenotes.Result{}, err
	}
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: transport, DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return releasenotes.Result{}, err
	}
	return releasenotes.Run(ctx, cfg, releasenotes.Deps{
		GitHub: api, Registry: reg, Log: rt.Log, ServerURL: gh.ServerURL,
		Origin: releasenotes.Origin{Repository: gh.Repository, Ref: gh.Ref, Commit: gh.SHA},
		Home:   rt.Getenv("HOME"),
	})
}
