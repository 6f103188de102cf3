// Command verify proves a released image: digest, platforms, signatures,
// attestations. It exits 0 if all is verified, 1 if something is refused, and 2
// if something could not be decided.
package main

import (
	"context"
	_ "embed"
	"os/exec"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/verify"
	"github.com/org/release-actions/internal/trivy"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("verify", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg verify.Config) (verify.Result, error) {
	transport := rt.Transport(cfg.RetryFor)
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: transport, DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return verify.Result{}, err
	}
	verifier, err := sigstore.NewVerifier(ctx, cfg.Trust, sigstore.Options{Transport: transport, Place: rt, Log: rt.Log})
	if err != nil {
		return verify.Result{}, err
	}
	return verify.Run(ctx, cfg, verify.Deps{
		Registry: reg, Verifier: verifier, TempDir: rt.TempDir(),
		Catalogue: func(ctx context.Context, image image.Pinned, dir string) error {
			return rt.Step(ctx, "sbom", verify.Forwarded, "-output-dir", dir, image.String())
		},
		Trivy: trivy.Options{
			Config: cfg.Trivy, Registry: reg, Transport: transport, RetryFor: cfg.RetryFor, LookPath: exec.LookPath, Env: rt.Environ(),
			ToolCache: rt.CacheDir(), TempDir: rt.TempDir(), Log: rt.Log, Now: time.Now,
		},
	})
}
