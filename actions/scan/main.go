// Command scan looks for vulnerabilities in an image, on each of its platforms,
// and is the gate before its tags.
package main

import (
	"context"
	_ "embed"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/scan"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("scan", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg scan.Config) (scan.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	d := scan.Deps{
		Registry: w.Registry(), GitHub: w.GitHub(), Job: w.Job(), Trivy: w.Trivy(), TempDir: rt.TempDir(), Log: rt.Log, Now: time.Now,
	}
	if err := w.Err(); err != nil {
		return scan.Result{}, err
	}
	return scan.Run(ctx, cfg, d)
}
