// Command verify proves a released image: digest, platforms, signatures,
// attestations. It exits 0 if all is verified, 1 if something is refused, and 2
// if something could not be decided.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/image"
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
	verifier, err := sigstore.NewVerifier(ctx, cfg.Trust, sigstore.Options{Transport: rt.Transport(cfg.RetryFor), TempDir: rt.TempDir(), Log: rt.Log})
	if err != nil {
		return verify.Result{}, err
	}
	catalogue := func(ctx context.Context, image image.Pinned, dir string) error {
		return rt.Step(ctx, "sbom", verify.Forwarded, "-output-dir", dir, image.String())
	}
	return verify.Run(ctx, cfg, verify.Deps{Registry: reg, Verifier: verifier, Catalogue: catalogue, TempDir: rt.TempDir()})
}
