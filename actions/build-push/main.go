// Command build-push builds an image for all platforms and pushes it to all
// registries, by digest.
package main

import (
	"context"
	_ "embed"
	"os/exec"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/buildpush"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("build-push", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg buildpush.Config) (buildpush.Result, error) {
	gh, err := rt.GitHub()
	if err != nil {
		return buildpush.Result{}, err
	}
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return buildpush.Result{}, err
	}
	return buildpush.Run(ctx, cfg, buildpush.Deps{
		Registry: reg,
		Origin: buildpush.Origin{
			Server: gh.ServerURL, Repository: gh.Repository, Ref: gh.Ref, Revision: gh.SHA,
			RunID: gh.RunID, RunAttempt: gh.RunAttempt, Event: gh.Event,
		},
		LookPath:        exec.LookPath,
		Env:             rt.Environ(),
		CacheAccess:     rt.CacheAccess(),
		DockerConfigDir: rt.DockerConfigDir(),
		BinfmtDir:       "/proc/sys/fs/binfmt_misc",
		TempDir:         rt.TempDir(),
		Output:          rt.Console(),
		Log:             rt.Log,
	})
}
