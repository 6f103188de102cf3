// Command sign signs an image, keyless, with the job's identity.
package main

import (
	"context"
	_ "embed"
	"errors"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/sign"
	"github.com/org/release-actions/internal/wiring"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("sign", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg sign.Config) (sign.Result, error) {
	w := wiring.Of(rt, cfg.Registry, cfg.RetryFor)
	publisher, err := evidence.NewPublisher(ctx, w.RegistryToWrite(), cfg.Sigstore, sigstore.Remember(rt.IDToken), cfg.RetryFor,
		sigstore.Options{Transport: w.Transport(), Place: rt, Log: rt.Log})
	if err := errors.Join(w.Err(), err); err != nil {
		return sign.Result{}, err
	}
	return sign.Run(ctx, cfg, sign.Deps{Publisher: publisher, TempDir: rt.TempDir()})
}
