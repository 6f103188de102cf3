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
	Push      Choice           `input:"push"`
	Release   Choice           `input:"release"`
}

// Validate checks the rules across inputs, and the version.
func (c Config) Validate() error {
	var errs []error
	if c.Version != "" && !release.Fixed(c.Version) {
		errs = append(errs, hint.Wrap(fmt.Errorf("input \"version\": %q is not a version", c.Version),
			"write it as the git tag is named: \"v1.2.3\" or \"v1.3.0-rc.1\""))
	}
	if c.Release.IsTrue() && c.Push.IsFalse() {
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
	case cfg.Push.IsTrue() && called.never != "":
		return Result{}, hint.Wrap(fmt.Errorf("\"push: true\" can't be done: %s, and %s", called.why, called.never),
			"leave \"push\" out: then the image is built and nothing is pushed; or set it to ${{ github.event_name == 'push' }}")
	case cfg.Push.IsTrue() && !called.push:
		r.Push, r.Reason = true, called.why+", and \"push\" is true"
	case cfg.Push.IsFalse() && called.push:
		r.Push, r.Reason = false, called.why+", but \"push\" is false"
	}
	r.Release = r.Push && called.version != ""
	switch {
	case cfg.Release.IsTrue() && !r.Push:
		return Result{}, hint.Wrap(fmt.Errorf("\"release: true\" can't be done without a push: %s", r.Reason),
			"leave \"release\" out: then a version tag is released and nothing else; or set \"push: true\", too")
	case cfg.Release.IsTrue() && called.version == "":
		return Result{}, hint.Wrap(fmt.Errorf("\"release: true\" has no version to release: %s", r.Reason),
			"give the input \"version\", as in \"version: v1.2.3\", or push a tag with that name")
	case cfg.Release.IsFalse() && r.Release:
		r.Release, r.Reason = false, r.Reason+", but \"release\" is false"
	}
	d.Log.Info(r.what() + ": " + r.Reason)
	return r, nil
}

// Choice is an input that decides where it is given: true or false.
type Choice struct{ given, value bool }

// IsTrue reports whether it was given as true.
func (c Choice) IsTrue() bool { return c.given && c.value }

// IsFalse reports whether it was given as false.
func (c Choice) IsFalse() bool { return c.given && !c.value }

// UnmarshalText parses true or false, in the spellings of YAML's core schema.
// An empty text is no choice.
func (c *Choice) UnmarshalText(text []byte) error {
	switch string(text) {
	case "":
		*c = Choice{}
	case "true", "True", "TRUE":
		*c = Choice{given: true, value: true}
	case "false", "False", "FALSE":
		*c = Choice{given: true}
	default:
		return hint.Wrap(fmt.Errorf("%q is not a boolean", text), "write true or false, or leave it out: then the event decides")
	}
	return nil
}
