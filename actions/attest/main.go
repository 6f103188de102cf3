// Command attest attaches signed SBOMs to an image.
package main

import (
	"context"
	_ "embed"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/attest"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("attest", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg attest.Config) (attest.Result, error) {
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return attest.Result{}, err
	}
	publisher, err := evidence.NewPublisher(ctx, reg, cfg.Sigstore, rt.IDToken, cfg.RetryFor,
		sigstore.Options{Transport: rt.Transport(cfg.RetryFor), Place: rt, Log: rt.Log})
	if err != nil {
		return attest.Result{}, err
	}
	return attest.Run(ctx, cfg, attest.Deps{Publisher: publisher, TempDir: rt.TempDir()})
}
