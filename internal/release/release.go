// Package release is the vocabulary of versions. It does no I/O.
package release

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/org/release-actions/internal/hint"
)

// Version is a parsed semantic version and the text it came from.
//
// https://semver.org/spec/v2.0.0.html
type Version struct {
	Major, Minor, Patch string
	Prerelease          string
	Build               string
	source              string
}

var grammar = regexp.MustCompile(`^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)

// ParseVersion parses "[v]major.minor.patch[-prerelease][+build]".
func ParseVersion(s string) (Version, error) {
	m := grammar.FindStringSubmatch(s)
	if m == nil {
		return Version{}, hint.Wrap(fmt.Errorf("version %q is not major.minor.patch", s), "name the tag as in \"v1.2.3\" or \"v1.3.0-rc.1\"")
	}
	return Version{Major: m[1], Minor: m[2], Patch: m[3], Prerelease: m[4], Build: m[5], source: s}, nil
}

// IsPrerelease reports whether the version has a pre-release part.
func (v Version) IsPrerelease() bool { return v.Prerelease != "" }

// Source returns the text that was parsed, such as the git tag "v1.2.3".
func (v Version) Source() string { return v.source }

// String returns the version without a leading v.
func (v Version) String() string {
	if v.Major == "" {
		return ""
	}
	s := v.Major + "." + v.Minor + "." + v.Patch
	if v.Prerelease != "" {
		s += "-" + v.Prerelease
	}
	if v.Build != "" {
		s += "+" + v.Build
	}
	return s
}

// MarshalText returns String.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is ParseVersion.
func (v *Version) UnmarshalText(text []byte) (err error) {
	*v, err = ParseVersion(string(text))
	return err
}

var fullVersion = regexp.MustCompile(`(?:^|[^0-9.])v?\d+\.\d+\.\d+(?:$|[^0-9])`)

// Fixed reports whether a tag names one release for ever, as 1.2.3,
// v1.2.3-rc.1 and app-1.2.3 do, and not a line of releases, as 1.2, latest and
// main do.
func Fixed(tag string) bool { return fullVersion.MatchString(tag) }

var numbered = regexp.MustCompile(`^v?\d+\.\d`)

// Kept returns those of a release's tags that name it for ever, and never change
// once they are there: the Fixed ones and, where there is none, the one equal to
// a version such as 2026.11. A version may also be the name of a branch, whose
// tag moves.
func Kept(tags []string, version string) map[string]bool {
	kept := map[string]bool{}
	for _, tag := range tags {
		if Fixed(tag) {
			kept[tag] = true
		}
	}
	if len(kept) == 0 && numbered.MatchString(version) && slices.Contains(tags, version) {
		kept[version] = true
	}
	return kept
}
