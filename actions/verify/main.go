// Command verify proves a released image: digest, platforms, signatures, SBOMs.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/verify"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("verify", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg verify.Config) (verify.Result, error) {
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return verify.Result{}, err
	}
	verifier, err := sigstore.NewVerifier(ctx, cfg.Trust, sigstore.Options{Transport: rt.Transport(cfg.RetryFor), Place: rt, Log: rt.Log})
	if err != nil {
		return verify.Result{}, err
	}
	return verify.Run(ctx, cfg, verify.Deps{Registry: reg, Verifier: verifier})
}
