// Package preflight finds out, before anything is built, what would fail when it
// is: permissions that the job lacks, registries that take no push, a version
// that is released already. It asks all at once, changes nothing, and tells all
// that it finds in one list. What it can't decide it warns of, and stops nobody.
//
// Where an earlier run of the same workflow released the same commit, it returns
// that image, for the run to go on with.
package preflight

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/org/release-actions/internal/dockerhub"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/notes"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// Config says what the run is to do. The inputs have the names that they have in
// the steps that do it.
type Config struct {
	Images    []image.Repository `input:"images,required"`
	Push      bool               `input:"push"`
	Release   bool               `input:"release"`
	Tags      []image.Ref        `input:"tags"`
	Version   string             `input:"version"`
	Tag       string             `input:"tag"` // the git tag of the release; "" is the one that the run is for
	Platforms []image.Platform   `input:"platforms,comma"`
	Overwrite bool               `input:"overwrite"`

	Build    Build
	Sigstore sigstore.Instance
	Registry registry.Credentials

	Upload          Upload `input:"upload"`
	PushToGitHub    bool   `input:"push-to-github"`
	Snapshot        bool   `input:"dependency-snapshot"`
	DockerHubReadme bool   `input:"dockerhub-readme"`
	Readme          string `input:"readme-filepath"`
	Notes           notes.Layout

	RetryFor time.Duration `input:"retry-for"`
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	errs := []error{c.Sigstore.Validate(), c.Registry.Validate()}
	if c.Release && !c.Push {
		errs = append(errs, hint.New(`"release: true" contradicts "push: false": a release names an image that people can pull`, "leave out one of the two"))
	}
	return errors.Join(errs...)
}

// Upload says whether code scanning gets the findings, as in the scan step.
type Upload string

const (
	uploadAuto     Upload = "auto"
	uploadRequired Upload = "required"
	uploadNever    Upload = "never"
)

// UnmarshalText checks that u is one of the three.
func (u *Upload) UnmarshalText(text []byte) error {
	*u = Upload(text)
	if !slices.Contains([]Upload{uploadAuto, uploadRequired, uploadNever}, *u) {
		return hint.New("it is no way to deal with findings", "write auto, required or never")
	}
	return nil
}

// Deps are what the step works with.
type Deps struct {
	Registry *registry.Client
	GitHub   *ghapi.Client     // nil outside of a workflow
	Hub      *dockerhub.Client // Docker Hub's own API; nil without a login
	// Token returns the runner's OIDC token, and names the workflow that runs.
	Token    sigstore.TokenSource
	Sigstore sigstore.Options
	Job      job.Job // what the workflow runs for
	Log      *slog.Logger
}

// Result is what was found.
type Result struct {
	// Digest is the image that an earlier run released from this commit; ""
	// where there is none. Images are where it is.
	Digest image.Digest   `output:"digest"`
	Images []image.Pinned `output:"images"`

	outcomes []outcome
}

// slack is what a check may take beyond the retries of its requests.
const slack = 15 * time.Second

// Run does all the checks that cfg calls for.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	p := newPlan(cfg, d)
	checks := p.checks()
	r := Result{outcomes: make([]outcome, len(checks))}
	_ = parallel.Each(checks, func(n int, c check) error { // every error is in outcomes
		bounded, cancel := context.WithTimeout(ctx, cfg.RetryFor+slack)
		defer cancel()
		r.outcomes[n] = c.do(bounded)
		return nil
	})
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	for _, o := range r.outcomes {
		o.log(d.Log)
	}
	if err := r.problems(); err != nil {
		return r, err
	}
	if earlier, err := p.earlier(ctx); err == nil && earlier.Digest != "" {
		r.Digest = earlier.Digest
		for _, repo := range cfg.Images {
			r.Images = append(r.Images, repo.Pin(r.Digest))
		}
	}
	return r, nil
}
