// Command merge makes one multi-architecture image of images that were built
// elsewhere, and pushes it to all registries, by digest.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/merge"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("merge", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg merge.Config) (merge.Result, error) {
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return merge.Result{}, err
	}
	return merge.Run(ctx, cfg, merge.Deps{Registry: reg, Log: rt.Log})
}
