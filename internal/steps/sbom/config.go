package sbom

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	syftsource "github.com/anchore/syft/syft/source"
	"github.com/bmatcuk/doublestar/v4"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// Config are the inputs of the step.
type Config struct {
	// Images name one digest in several repositories. The first is read, and
	// is the one that the documents name.
	Images []image.Pinned `input:"images,arg"`
	// Layout is an OCI layout, and Archive a tar file of one or of docker save,
	// in place of Images.
	Layout    string `input:"layout"`
	Archive   string `input:"archive"`
	OutputDir string `input:"output-dir"`
	// Formats are those to write beside SPDX 2.3 and CycloneDX 1.6.
	Formats []Format `input:"formats,comma"`
	Scope   Scope    `input:"scope"`
	// Excludes are paths in the image, as globs.
	Excludes []Glob `input:"excludes"`
	// Catalogers are syft's expressions for what to look for.
	Catalogers []string `input:"select-catalogers,comma"`
	// CompareTo is an earlier image: a tag, a digest, or either in a repository.
	CompareTo          string        `input:"compare-to"`
	DependencySnapshot bool          `input:"dependency-snapshot"`
	RetryFor           time.Duration `input:"retry-for"`
	Registry           registry.Credentials
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	errs := []error{image.SameDigest(c.Images), c.Registry.Validate()}
	var places []string
	for place, given := range map[string]bool{"images": len(c.Images) > 0, "layout": c.Layout != "", "archive": c.Archive != ""} {
		if given {
			places = append(places, fmt.Sprintf("%q", place))
		}
	}
	slices.Sort(places)
	switch len(places) {
	case 1:
	case 0:
		errs = append(errs, hint.New("none of the inputs \"images\", \"layout\" and \"archive\" says which image to describe",
			"give the output \"images\" of build-push, or its output \"layout\" where the image isn't pushed"))
	default:
		errs = append(errs, hint.Wrap(fmt.Errorf("inputs %s name several places for one image", strings.Join(places, " and ")), "leave out all but one"))
	}
	return errors.Join(errs...)
}

// Scope says which files of an image are looked at.
type Scope string

// The scopes, as syft names them.
const (
	Squashed     = Scope(syftsource.SquashedScope)  // those that a container sees
	AllLayers    = Scope(syftsource.AllLayersScope) // those that a later layer hides, too
	DeepSquashed = Scope(syftsource.DeepSquashedScope)
)

// UnmarshalText parses a scope.
func (s *Scope) UnmarshalText(text []byte) error {
	*s = Scope(text)
	if known := []Scope{Squashed, AllLayers, DeepSquashed}; *s != "" && !slices.Contains(known, *s) {
		return hint.Wrap(fmt.Errorf("%q is no scope", text), "write %s, %s or %s", Squashed, AllLayers, DeepSquashed)
	}
	return nil
}

// Glob is a pattern for absolute paths in an image; ** stands for any folders.
//
// https://github.com/bmatcuk/doublestar#patterns
type Glob string

// UnmarshalText checks the pattern: syft takes one that is wrong for one that
// never matches.
func (g *Glob) UnmarshalText(text []byte) error {
	*g = Glob(text)
	if !doublestar.ValidatePattern(string(text)) {
		return hint.Wrap(fmt.Errorf("%q is not a glob", text), "close its brackets and braces, as in \"/usr/share/{doc,man}\" or \"**/test[0-9]\"")
	}
	if !strings.HasPrefix(string(text), "/") && !strings.HasPrefix(string(text), "**") {
		return hint.Wrap(fmt.Errorf("%q matches no path: those in an image begin with \"/\"", text), "write it as in \"/usr/share/doc\" or \"**/testdata\"")
	}
	return nil
}
