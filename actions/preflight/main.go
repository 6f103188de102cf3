// Command preflight finds out what would fail when an image is built, signed and
// released, before any of it is done.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/preflight"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("preflight", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg preflight.Config) (preflight.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	d := preflight.Deps{
		Registry: w.Registry(), GitHub: w.GitHub(), Hub: w.DockerHub(), Job: w.Job(),
		Token: rt.IDToken, Sigstore: sigstore.Options{Transport: w.Transport(), Place: rt, Log: rt.Log}, Log: rt.Log,
	}
	if err := w.Err(); err != nil {
		return preflight.Result{}, err
	}
	return preflight.Run(ctx, cfg, d)
}
