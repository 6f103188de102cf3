// Command publish releases this project. It runs in publish.yml, by make.
package main

import (
	"context"
	_ "embed"
	"io"
	"os"
	"path/filepath"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/publish"
)

//go:embed inputs.yml
var contract []byte

func main() { action.Main("publish", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg publish.Config) (publish.Result, error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return publish.Result{}, err
	}
	if cfg.OutputDir, err = filepath.Abs(cfg.OutputDir); err != nil {
		return publish.Result{}, err
	}
	if cfg.BuildOnly {
		assets, err := publish.Build(ctx, root, cfg.OutputDir, rt.Environ(), cfg.Platforms)
		_, _ = io.WriteString(rt.Stdout, publish.Checksums(cfg.Version.Source(), assets))
		return publish.Result{}, err
	}
	job, err := rt.Job()
	if err != nil {
		return publish.Result{}, err
	}
	transport := rt.Transport(cfg.RetryFor)
	api, err := ghapi.ForJob(job.Repository, ghapi.Options{APIURL: job.APIURL, Token: cfg.Token, Transport: transport})
	if err != nil {
		return publish.Result{}, err
	}
	var identity []string
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		identity = append(identity, name+"="+rt.Getenv(name))
	}
	return publish.Run(ctx, cfg, publish.Deps{
		Root: root, GitHub: api, Transport: transport, ServerURL: job.ServerURL, Environ: rt.Environ(), Identity: identity, Log: rt.Log, Stdout: os.Stdout,
	})
}
