// Command promote puts an image's tags on its digest, in all registries or in
// none.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/promote"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("promote", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg promote.Config) (promote.Result, error) {
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return promote.Result{}, err
	}
	return promote.Run(ctx, cfg, promote.Deps{Registry: reg, Log: rt.Log})
}
