// Command merge makes one multi-architecture image of images that were built
// elsewhere, and pushes it to all registries, by digest.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/merge"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("merge", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg merge.Config) (merge.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	d := merge.Deps{Registry: w.Registry(), Log: rt.Log}
	if err := w.Err(); err != nil {
		return merge.Result{}, err
	}
	return merge.Run(ctx, cfg, d)
}
