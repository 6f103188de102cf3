// Package verify proves a released image: the same digest in every registry,
// all platforms there, each signed by the expected identity for the expected
// run, and the attestations of each there and true. What could not be found out
// is never a pass.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
	"github.com/org/release-actions/internal/trivy"
)

// Config is the step's inputs.
type Config struct {
	Images       []image.Ref      `input:"images,required,arg"` // one image, in each of its registries
	Platforms    []image.Platform `input:"platforms,comma"`     // that must be there
	Policy       Policy
	Attestations []Kind `input:"attestations,comma"` // that each digest must have
	SBOMs        bool   `input:"sboms"`              // whether SBOMs among them count
	Deep         bool   `input:"deep"`               // whether SBOMs must say what the image holds
	Inspect      bool   `input:"inspect"`            // whether to show what the images are
	Scan         bool   `input:"scan"`               // and what Trivy finds in them
	Trivy        trivy.Config
	Extract      string        `input:"extract"` // a folder
	Output       string        `input:"output"`
	RetryFor     time.Duration `input:"retry-for"`
	Trust        sigstore.Trust
	Registry     registry.Credentials
}

// outputs are the values of the input "output".
var outputs = []string{"text", "json", "sarif"}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	errs := []error{c.Policy.Validate(), c.Registry.Validate()}
	switch {
	case c.Trust.Key != "":
		errs = append(errs, c.keyed())
	case errs[0] == nil: // what can't be met whatever is there is said before anybody is asked
		_, err := c.Policy.expect(c.Images, "", sigstore.Identity{})
		errs = append(errs, err)
	}
	if slices.Contains(c.Attestations, Kind{}) && len(c.Attestations) > 1 {
		errs = append(errs, hint.New("input \"attestations\" says \"none\" beside others", "leave out one or the other"))
	}
	if c.Deep && !slices.ContainsFunc(c.wanted(), Kind.isSBOM) {
		errs = append(errs, hint.New("input \"deep\" compares SBOMs, and none is asked for", "leave out \"deep\", or add spdx or cyclonedx to \"attestations\""))
	}
	if !slices.Contains(outputs, c.Output) {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"output\" is %q", c.Output), "write one of %q", outputs))
	}
	return errors.Join(errs...)
}

// keyed checks the rules for a key pair, which names no workflow: only
// provenance does.
func (c Config) keyed() error {
	p := c.Policy
	switch {
	case p.given() || p.Workflow != "":
		return hint.New("inputs \"key\" and \"certificate-identity\" or \"workflow\" both say who must have signed", "leave out one or the other")
	case (p.Repository != "" || p.Ref != "" || p.Commit != "") && !slices.Contains(c.wanted(), Kind{intoto.SLSAProvenance}):
		return hint.New("inputs \"repository\", \"ref\" and \"commit\" say what provenance must: a key names no run",
			"add provenance to \"attestations\", or leave them out")
	}
	return nil
}

// wanted returns what each digest must have beside a signature.
func (c Config) wanted() []Kind {
	return slices.DeleteFunc(slices.Clone(c.Attestations), func(k Kind) bool {
		return k == Kind{} || k == signed || !c.SBOMs && k.isSBOM()
	})
}

// Deps is what the step works with.
type Deps struct {
	Registry *registry.Client
	Verifier *sigstore.Verifier
	// Step runs another step with some of this one's inputs: sbom, which makes
	// anew what the image's content says.
	Step func(ctx context.Context, name string, inputs []string, args ...string) error
	// Trivy is how to find and run it where a scan is asked for; inputs and logins
	// are the step's own.
	Trivy trivy.Options
	// TempDir is where such documents are kept while they are read.
	TempDir string
}

// Forwarded are the inputs that sbom takes, too.
var Forwarded = []string{"github-token", "dockerhub-username", "dockerhub-token", "registry-auth", "retry-for"}

// What Run's error is, to be found with errors.Is.
var (
	// ErrRefused says that a claim is false: the image must not be used.
	ErrRefused = errors.New("refused")
	// ErrUndecided says that a claim could not be checked: ask again.
	ErrUndecided = errors.New("could not be decided")
)

// ExitCode returns 1 where a claim was refused, and 2 where nothing was decided,
// for bad inputs as for registries that don't answer.
func (Config) ExitCode(err error) int {
	if errors.Is(err, ErrRefused) {
		return 1
	}
	return 2
}

// Run checks everything, and says all that is wrong, not only the first of it.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	d.Trivy.Config, d.Trivy.Registry = cfg.Trivy, d.Registry
	report, found, err := examine(ctx, cfg, d)
	if err != nil {
		return Result{}, err
	}
	result, err := newResult(report, cfg.Output)
	if err != nil {
		return Result{}, err
	}
	// What a cancelled run found out is no verdict.
	if err := context.Cause(ctx); err != nil {
		return result, err
	}
	if cfg.Extract != "" {
		if result.Files, err = extract(cfg.Extract, found); err != nil {
			return result, errors.Join(report.err(), err)
		}
	}
	return result, report.err()
}
