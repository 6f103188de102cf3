// Command scan looks for vulnerabilities in an image, on each of its platforms,
// and is the gate before its tags.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/scan"
	"github.com/org/release-actions/internal/trivy"
)

//go:embed action.yml
var contract []byte

func main() { action.Main("scan", contract, run) }

func run(ctx context.Context, rt *action.Runtime, cfg scan.Config) (scan.Result, error) {
	transport := rt.Transport(cfg.RetryFor)
	reg, err := registry.New(cfg.Registry, registry.Options{Transport: transport, DockerConfigDir: rt.DockerConfigDir(), Log: rt.Log})
	if err != nil {
		return scan.Result{}, err
	}
	d := scan.Deps{
		Registry: reg,
		Trivy: trivy.Options{
			Transport: transport, LookPath: exec.LookPath, Env: rt.Environ(),
			ToolCache: rt.CacheDir(), TempDir: rt.TempDir(), Log: rt.Log,
		},
		TempDir: rt.TempDir(), Log: rt.Log, Now: time.Now,
	}
	if rt.InActions() {
		gh, err := rt.GitHub()
		if err != nil {
			return scan.Result{}, err
		}
		d.Commit, d.Ref, d.Workspace = gh.SHA, gh.Ref, gh.Workspace
		d.RunURL = fmt.Sprintf("%s/%s/actions/runs/%d", gh.ServerURL, gh.Repository, gh.RunID)
		d.GitHub, err = ghapi.ForJob(gh.Repository, ghapi.Options{APIURL: gh.APIURL, Token: cfg.Registry.GitHubToken, Transport: transport})
		if err != nil {
			return scan.Result{}, err
		}
	}
	return scan.Run(ctx, cfg, d)
}
