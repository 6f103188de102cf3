// Command sbom describes an image: an SPDX and a CycloneDX document for each
// platform and for the index.
package main

import (
	"context"
	_ "embed"
	"errors"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/sbom"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("sbom", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg sbom.Config) (sbom.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	created, err := sbom.ParseEpoch(rt.Getenv("SOURCE_DATE_EPOCH"))
	d := sbom.Deps{Registry: w.Registry(), GitHub: w.GitHub(), Job: w.Job(), TempDir: rt.TempDir(), Created: created, Log: rt.Log}
	if err := errors.Join(err, w.Err()); err != nil {
		return sbom.Result{}, err
	}
	return sbom.Run(ctx, cfg, d)
}
