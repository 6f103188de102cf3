// Command release-notes publishes the GitHub release of a tag, with the
// commands to pull and verify its image.
package main

import (
	"context"
	_ "embed"
	"errors"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/releasenotes"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("release-notes", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg releasenotes.Config) (releasenotes.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	target, err := cfg.Target(w.Job().Repository)
	d := releasenotes.Deps{GitHub: w.GitHubOf(target, cfg.Token()), Registry: w.Registry(), Job: w.Job(), Home: rt.Getenv("HOME"), Log: rt.Log}
	if err := errors.Join(err, w.Err()); err != nil {
		return releasenotes.Result{}, err
	}
	return releasenotes.Run(ctx, cfg, d)
}
