// Command sign signs an image, keyless, with the job's identity.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/sign"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("sign", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg sign.Config) (sign.Result, error) {
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Writes: true, Log: rt.Log})
	if err != nil {
		return sign.Result{}, err
	}
	publisher, err := evidence.NewPublisher(ctx, reg, cfg.Sigstore, sigstore.Remember(rt.IDToken), cfg.RetryFor,
		sigstore.Options{Transport: rt.Transport(cfg.RetryFor), Place: rt, Log: rt.Log})
	if err != nil {
		return sign.Result{}, err
	}
	return sign.Run(ctx, cfg, sign.Deps{Publisher: publisher, TempDir: rt.TempDir()})
}
