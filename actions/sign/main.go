// Command sign signs an image, keyless, with the job's identity.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"path/filepath"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/steps/sign"
	"github.com/org/release-actions/internal/transport"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("sign", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg sign.Config) (sign.Result, error) {
	cfg.OutputDir = cmp.Or(cfg.OutputDir, filepath.Join(rt.TempDir(), "bundles"))
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: rt.Transport(cfg.RetryFor), DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return sign.Result{}, err
	}
	token := func(ctx context.Context) (secret.String, error) { return rt.IDToken(ctx, sigstore.Audience) }
	publisher, err := evidence.NewPublisher(ctx, reg, cfg.Sigstore, token, cfg.RetryFor, sigstore.Options{
		Transport: transport.New(transport.Options{RetryFor: cfg.RetryFor, Replayable: true, UserAgent: rt.UserAgent(), Log: rt.Log}),
		TUFCache:  filepath.Join(rt.TempDir(), "sigstore"),
		Log:       rt.Log,
	})
	if err != nil {
		return sign.Result{}, err
	}
	return sign.Run(ctx, cfg, sign.Deps{Publisher: publisher})
}
