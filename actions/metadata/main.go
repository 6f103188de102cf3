// Command metadata derives an image's tags, labels and annotations from what
// started the workflow.
package main

import (
	"context"
	_ "embed"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/metadata"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("metadata", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg metadata.Config) (metadata.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	d := metadata.Deps{Job: w.Job(), GitHub: w.GitHub(), Local: !rt.InActions(), Getenv: rt.Getenv, Environ: rt.Environ(), TempDir: rt.TempDir(), Now: time.Now(), Log: rt.Log}
	if cfg.AsksRegistries() {
		d.Registry = w.Registry()
	}
	if err := w.Err(); err != nil {
		return metadata.Result{}, err
	}
	return metadata.Run(ctx, cfg, d)
}
