// Command cleanup removes what a retention policy doesn't keep from repositories
// of images, and never what a kept tag needs.
package main

import (
	"context"
	_ "embed"
	"path/filepath"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/cleanup"
	"github.com/org/release-actions/internal/steps/cleanup/registries"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("cleanup", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg cleanup.Config) (cleanup.Result, error) {
	transport := rt.Transport(cfg.RetryFor)
	options := registries.Options{CacheDir: filepath.Join(cfg.Dir(rt.TempDir()), "manifests"), Log: rt.Log}
	var err error
	options.Registry, err = registry.New(cfg.Registry, registry.Options{Transport: transport, DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return cleanup.Result{}, err
	}
	if token := cfg.Registry.GitHubToken; !token.IsZero() {
		options.GitHub, err = ghapi.New(ghapi.Options{APIURL: rt.Getenv("GITHUB_API_URL"), Token: token, Transport: transport})
	}
	if user := cfg.Registry.DockerHubUsername; user != "" && err == nil {
		options.DockerHub, err = dockerhub.New(dockerhub.Options{Username: user, Password: cfg.Registry.DockerHubToken, Transport: transport})
	}
	if err != nil {
		return cleanup.Result{}, err
	}
	return cleanup.Run(ctx, cfg, cleanup.Deps{Backend: registries.New(options), TempDir: rt.TempDir(), Now: time.Now, Log: rt.Log, Out: rt.Stdout})
}
