// Command cleanup removes what a retention policy doesn't keep from repositories
// of images, and never what a kept tag needs.
package main

import (
	"context"
	_ "embed"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/cleanup"
	"github.com/org/release-actions/internal/steps/cleanup/registries"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("cleanup", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg cleanup.Config) (cleanup.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	backend := registries.New(registries.Options{
		Registry: w.Registry(), GitHub: w.GitHubPackages(), DockerHub: w.DockerHub(), CacheDir: cfg.CacheDir(rt.TempDir()), Log: rt.Log,
	})
	if err := w.Err(); err != nil {
		return cleanup.Result{}, err
	}
	return cleanup.Run(ctx, cfg, cleanup.Deps{Backend: backend, TempDir: rt.TempDir(), Now: time.Now, Log: rt.Log, Out: rt.Stdout})
}
