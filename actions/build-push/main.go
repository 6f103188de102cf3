// Command build-push builds an image for all platforms and pushes it to all
// registries, by digest.
package main

import (
	"context"
	_ "embed"
	"os/exec"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/steps/buildpush"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("build-push", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg buildpush.Config) (buildpush.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	d := buildpush.Deps{
		Registry: w.Registry(), Job: w.Job(), LookPath: exec.LookPath, BinfmtDir: "/proc/sys/fs/binfmt_misc", TempDir: rt.TempDir(),
		Env: rt.Environ(), CacheAccess: rt.CacheAccess(), DockerConfigDir: rt.DockerConfigDir(), Output: rt.Console(), Log: rt.Log,
	}
	if err := w.Err(); err != nil {
		return buildpush.Result{}, err
	}
	return buildpush.Run(ctx, cfg, d)
}
