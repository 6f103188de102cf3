// Package plan tells what a run does, as the event that started it calls for: a
// version is released, a branch is published without a release, a pull request
// is only built. It also spreads the platforms over runners.
//
// It is a pure function of the event and the inputs, and asks nobody.
package plan

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/release"
)

// Config is the step's inputs.
type Config struct {
	Platforms []image.Platform `input:"platforms,comma"`
	Runners   Runners          `input:"runners"`
	Version   string           `input:"version"`
	Push      *bool            `input:"push"` // nil: the event decides
	Release   *bool            `input:"release"`
}

// Validate checks the rules across inputs, and the version.
func (c Config) Validate() error {
	var errs []error
	if c.Version != "" && !release.Fixed(c.Version) {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"version\": %q is not a version", c.Version),
			"write it as the git tag is named: \"v1.2.3\" or \"v1.3.0-rc.1\""))
	}
	if is(c.Release, true) && is(c.Push, false) {
		errs = append(errs, hint.New("\"release: true\" contradicts \"push: false\": a release names an image that people can pull",
			"leave out one of the two"))
	}
	return errors.Join(errs...)
}

// Deps are what the step needs of the world.
type Deps struct {
	Event Event
	Log   *slog.Logger
}

// Result is the plan.
type Result struct {
	// Push says whether the image goes to registries, is signed, attested and
	// tagged. Else it is built into an OCI layout.
	Push bool `output:"push"`
	// Release says whether the GitHub release and Docker Hub's page follow.
	Release bool `output:"release"`
	// Reason is why, in a sentence.
	Reason string `output:"reason"`
	Matrix Matrix `output:"matrix"`

	version string
}

// Run decides.
func Run(cfg Config, d Deps) (Result, error) {
	called := d.Event.decide(cfg.Version)
	r := Result{Push: called.push, Reason: called.why, Matrix: cfg.Runners.matrix(cfg.Platforms), version: called.version}
	switch {
	case is(cfg.Push, true) && called.never != "":
		return Result{}, hint.Wrap(fmt.Errorf("\"push: true\" can't be done: %s, and %s", called.why, called.never),
			"leave \"push\" out: then the image is built and nothing is pushed; or set it to ${{ github.event_name == 'push' }}")
	case is(cfg.Push, true) && !called.push:
		r.Push, r.Reason = true, called.why+", and \"push\" is true"
	case is(cfg.Push, false) && called.push:
		r.Push, r.Reason = false, called.why+", but \"push\" is false"
	}
	r.Release = r.Push && called.version != ""
	switch {
	case is(cfg.Release, true) && !r.Push:
		return Result{}, hint.Wrap(fmt.Errorf("\"release: true\" can't be done without a push: %s", r.Reason),
			"leave \"release\" out: then a version tag is released and nothing else; or set \"push: true\", too")
	case is(cfg.Release, true) && called.version == "":
		return Result{}, hint.Wrap(fmt.Errorf("\"release: true\" has no version to release: %s", r.Reason),
			"give the input \"version\", as in \"version: v1.2.3\", or push a tag with that name")
	case is(cfg.Release, false) && r.Release:
		r.Release, r.Reason = false, r.Reason+", but \"release\" is false"
	}
	d.Log.Info(r.what() + ": " + r.Reason)
	return r, nil
}

// is reports whether a choice was given, and as value.
func is(choice *bool, value bool) bool { return choice != nil && *choice == value }
