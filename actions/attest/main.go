// Command attest attaches signed statements to an image: SBOMs, provenance and others.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/attest"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("attest", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg attest.Config) (attest.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	reg, gh, token := w.RegistryToWrite(), w.GitHub(), sigstore.Remember(rt.IDToken)
	open := func(ctx context.Context) (evidence.Publisher, error) {
		return evidence.NewPublisher(ctx, reg, cfg.Sigstore, token, cfg.RetryFor, sigstore.Options{Transport: w.Transport(), Place: rt, Log: rt.Log})
	}
	if err := w.Err(); err != nil {
		return attest.Result{}, err
	}
	return attest.Run(ctx, cfg, attest.Deps{Open: open, GitHub: gh, Token: token, Getenv: rt.Getenv, TempDir: rt.TempDir()})
}
