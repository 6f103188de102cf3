// Command promote puts an image's tags on its digest, in all registries or in
// none.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/promote"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("promote", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg promote.Config) (promote.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	d := promote.Deps{Registry: w.Registry(), Log: rt.Log}
	if err := w.Err(); err != nil {
		return promote.Result{}, err
	}
	return promote.Run(ctx, cfg, d)
}
