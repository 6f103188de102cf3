// Package verify proves a released image: the same digest in every registry,
// all platforms there, each signed by the expected identity, and the SBOMs of
// each attested and about it. What could not be found out is never a pass.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// Config is the step's inputs.
type Config struct {
	Images         []image.Ref      `input:"images,required,arg"` // one image, in each of its registries
	Platforms      []image.Platform `input:"platforms,comma"`     // that must be there
	Identity       string           `input:"certificate-identity"`
	IdentityRegexp string           `input:"certificate-identity-regexp"`
	Issuer         string           `input:"certificate-oidc-issuer"`
	SBOMs          bool             `input:"sboms"` // whether there must be SBOMs
	Output         string           `input:"output"`
	RetryFor       time.Duration    `input:"retry-for"`
	Trust          sigstore.Trust
	Registry       registry.Credentials
}

// identity returns who must have signed.
func (c Config) identity() sigstore.Identity {
	return sigstore.Identity{Subject: c.Identity, SubjectRegexp: c.IdentityRegexp, Issuer: c.Issuer}
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	var errs []error
	const mend = "write the workflow that signed, as in \"https://github.com/OWNER/REPO/.github/workflows/release.yml@refs/tags/v1.2.3\": " +
		"the sign step's output \"certificate-identity\", and the release page, say it"
	switch {
	case c.Identity == "" && c.IdentityRegexp == "":
		errs = append(errs, hint.New("who must have signed is missing: input \"certificate-identity\" or \"certificate-identity-regexp\"", mend))
	case c.Identity != "" && c.IdentityRegexp != "":
		errs = append(errs, hint.New("inputs \"certificate-identity\" and \"certificate-identity-regexp\" are both given", "leave out one of them"))
	default:
		errs = append(errs, c.identity().Validate())
	}
	if c.Output != "text" && c.Output != "json" {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"output\" is %q", c.Output), "write \"text\" or \"json\""))
	}
	return errors.Join(append(errs, c.Registry.Validate())...)
}

// Deps is what the step works with.
type Deps struct {
	Registry *registry.Client
	Verifier *sigstore.Verifier
}

// What Run's error is, to be found with errors.Is.
var (
	// ErrRefused says that a claim is false: the image must not be used.
	ErrRefused = errors.New("refused")
	// ErrUndecided says that a claim could not be checked: ask again.
	ErrUndecided = errors.New("could not be decided")
)

// Run checks everything, and says all that is wrong, not only the first of it.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	report := inspect(ctx, cfg, d)
	result, err := newResult(report, cfg.Output)
	if err != nil {
		return Result{}, err
	}
	// What a cancelled run found out is no verdict.
	if err := context.Cause(ctx); err != nil {
		return result, err
	}
	return result, report.err()
}
