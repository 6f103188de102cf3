// Command verify proves a released image: digest, platforms, signatures,
// attestations. It exits 0 if all is verified, 1 if something is refused, and 2
// if something could not be decided.
package main

import (
	"context"
	_ "embed"
	"errors"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/verify"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("verify", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg verify.Config) (verify.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	verifier, err := sigstore.NewVerifier(ctx, cfg.Trust, sigstore.Options{Transport: w.Transport(), Place: rt, Log: rt.Log})
	d := verify.Deps{Registry: w.Registry(), Verifier: verifier, Trivy: w.Trivy(), Step: rt.Step, TempDir: rt.TempDir()}
	if err := errors.Join(w.Err(), err); err != nil {
		return verify.Result{}, err
	}
	return verify.Run(ctx, cfg, d)
}
