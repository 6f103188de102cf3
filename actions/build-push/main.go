// Command build-push builds an image for all platforms and pushes it to all
// registries, by digest.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
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
	transport := rt.Transport(cfg.RetryFor)
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: transport, DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return buildpush.Result{}, err
	}
	deps := buildpush.Deps{
		Registry:        reg,
		Revision:        gh.SHA,
		Token:           rt.IDToken,
		Sigstore:        sigstore.Options{Transport: transport, TempDir: rt.TempDir(), Log: rt.Log},
		LookPath:        exec.LookPath,
		Env:             rt.Environ(),
		DockerConfigDir: rt.DockerConfigDir(),
		TempDir:         rt.TempDir(),
		Output:          rt.Console(),
		Log:             rt.Log,
	}
	if gh.RunID != 0 {
		deps.BuilderID = fmt.Sprintf("%s/%s/actions/runs/%d/attempts/%d", gh.ServerURL, gh.Repository, gh.RunID, gh.RunAttempt)
	}
	return buildpush.Run(ctx, cfg, deps)
}
