package retention

import (
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/org/release-actions/internal/image"
)

// tagVersion is what a tag says about the version that it names.
type tagVersion struct {
	// line is what stands around the numbers: "app" and "alpine" of
	// app-1.2.3-alpine. Versions of different lines don't replace each other.
	line    string
	version *semver.Version
}

var (
	tagGrammar = regexp.MustCompile(`^(?:([A-Za-z][A-Za-z0-9._-]*)-)?v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:-([0-9A-Za-z._-]+))?$`)
	preGrammar = regexp.MustCompile(`(?i)^(alpha|beta|a|b|c|rc|cr|m|pre|prerelease|preview|milestone|dev|snapshot|nightly|canary|next|edge|unstable|ea|test)(?:$|[^a-z])`)
)

// parseTag reads a tag as a version with two or three numbers: 1.2.3, v1.2.3-rc.1,
// 2026.11, app-1.2.3. What follows the numbers is a pre-release only where it
// begins with a word for one. Anything else, as in 1.2.3-alpine, makes another
// variant of the release: by semantic versioning it would be a pre-release, and
// who removes those would lose it.
func parseTag(tag string) (tagVersion, bool) {
	m := tagGrammar.FindStringSubmatch(tag)
	if m == nil || m[1] != "" && m[4] == "" {
		return tagVersion{}, false
	}
	prefix, rest := m[1], m[5]
	numbers := m[2] + "." + m[3] + "." + m[4]
	if m[4] == "" {
		numbers += "0"
	}
	line := prefix + " " + rest
	if preGrammar.MatchString(rest) {
		line = prefix + " "
		numbers += "-" + strings.ReplaceAll(rest, "_", "-")
	}
	v, err := semver.NewVersion(numbers)
	return tagVersion{line, v}, err == nil
}

func (v tagVersion) pre() bool { return v.version.Prerelease() != "" }

var referrerTag = regexp.MustCompile(`^sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?$`)

// tagSubject returns the digest that a tag belongs to: the fallback tag, under
// which referrers are listed where there is no API for it, and cosign's own.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#tag-based-discovery
func tagSubject(tag string) (image.Digest, bool) {
	m := referrerTag.FindStringSubmatch(tag)
	if m == nil {
		return "", false
	}
	return image.Digest("sha256:" + m[1]), true
}
