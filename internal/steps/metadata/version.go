package metadata

import (
	"context"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/release"
	"github.com/org/release-actions/internal/steps/metadata/handlebars"
)

// The peer's library reads numbers and texts up to these bounds.
const (
	maxSafeInteger   = 1<<53 - 1
	maxVersionLength = 256
)

// semver evaluates a pattern with the parts of a semantic version. A prerelease
// gives its whole version whatever the pattern, so that 1.3.0-rc.1 never moves
// 1.3 or 1.
//
// The grammar is release.Version's, which is the specification's with a leading
// v: libraries that coerce ("1.2" to 1.2.0, as Masterminds' NewVersion does)
// would make tags where the peer makes none, and a strict one refuses the v.
func (e *evaluator) semver(_ context.Context, r Rule) (result, error) {
	text, ok, err := e.version(r)
	if err != nil {
		return result{}, err
	}
	if !ok {
		return skip("%q is no tag", e.event.Ref)
	}
	v, err := release.ParseVersion(trim(text))
	if err != nil || len(text) > maxVersionLength || !safe(v.Major) || !safe(v.Minor) || !safe(v.Patch) {
		return e.warnSkip(r, "%q is no semantic version (major.minor.patch)", text)
	}
	build := v.Build
	v.Build = ""
	return e.versionTag(r, text, v.String(), v.IsPrerelease(), handlebars.Object{
		{Name: "options", Value: handlebars.Object{}},
		{Name: "loose", Value: true},
		{Name: "includePrerelease", Value: false},
		{Name: "raw", Value: text},
		{Name: "major", Value: number(v.Major)},
		{Name: "minor", Value: number(v.Minor)},
		{Name: "patch", Value: number(v.Patch)},
		{Name: "prerelease", Value: identifiers(v.Prerelease)},
		{Name: "build", Value: identifiers(build)},
		{Name: "version", Value: v.String()},
	})
}

// versionTag renders the pattern of a version rule.
func (e *evaluator) versionTag(r Rule, raw, version string, unstable bool, parts handlebars.Object) (result, error) {
	pattern := r.attrs["pattern"]
	if unstable {
		if t, err := handlebars.Parse(pattern); err == nil && t.IsProperty("raw") {
			version = raw
		}
		return result{tag: version, version: version}, nil
	}
	tag, err := handlebars.Render(pattern, parts)
	return result{tag: tag, version: version, latest: true}, inAttribute("pattern", err)
}

func safe(digits string) bool {
	n, err := strconv.ParseUint(digits, 10, 64)
	return err == nil && n <= maxSafeInteger
}

func identifiers(dotted string) []any {
	list := []any{}
	for part := range strings.SplitSeq(dotted, ".") {
		if part != "" {
			list = append(list, part)
		}
	}
	return list
}

// pep440Grammar is the specification's own regular expression.
//
// https://packaging.python.org/en/latest/specifications/version-specifiers/#appendix-parsing-version-strings-with-regular-expressions
var pep440Grammar = regexp.MustCompile(`(?i)^v?(?:(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)` +
	`(?:[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?([0-9]+)?)?` +
	`((?:-([0-9]+))|(?:[-_.]?(?:post|rev|r)[-_.]?([0-9]+)?))?` +
	`([-_.]?dev[-_.]?([0-9]+)?)?)` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)

var preReleases = map[string]string{"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}

// pep440 is semver for Python's versions. Post-releases count as unstable, as
// they do for the peer.
func (e *evaluator) pep440(_ context.Context, r Rule) (result, error) {
	text, ok, err := e.version(r)
	if err != nil {
		return result{}, err
	}
	if !ok {
		return skip("%q is no tag", e.event.Ref)
	}
	m := pep440Grammar.FindStringSubmatch(text)
	if m == nil {
		return e.warnSkip(r, "%q is no version by PEP 440", text)
	}
	release := strings.Split(m[2], ".")
	for i := range release {
		release[i] = plain(release[i])
	}
	unstable := m[3] != "" || m[5] != "" || m[8] != ""
	return e.versionTag(r, text, normalPEP440(m, release), unstable, handlebars.Object{
		{Name: "raw", Value: text},
		{Name: "version", Value: normalPEP440(m, release)},
		{Name: "major", Value: number(at(release, 0))},
		{Name: "minor", Value: number(at(release, 1))},
		{Name: "patch", Value: number(at(release, 2))},
	})
}

// normalPEP440 spells a version as the specification's normal form does.
func normalPEP440(m, release []string) string {
	var v strings.Builder
	if epoch := plain(m[1]); epoch != "0" {
		v.WriteString(epoch + "!")
	}
	v.WriteString(strings.Join(release, "."))
	if letter := strings.ToLower(m[3]); letter != "" {
		if short, ok := preReleases[letter]; ok {
			letter = short
		}
		v.WriteString(letter + plain(m[4]))
	}
	if m[5] != "" {
		v.WriteString(".post" + plain(m[6]+m[7]))
	}
	if m[8] != "" {
		v.WriteString(".dev" + plain(m[9]))
	}
	if m[10] != "" {
		// The peer's library separates the parts by commas, which no tag can have.
		parts := strings.FieldsFunc(strings.ToLower(m[10]), func(r rune) bool { return strings.ContainsRune("-_.", r) })
		for i, part := range parts {
			if strings.Trim(part, "0123456789") == "" {
				parts[i] = plain(part)
			}
		}
		v.WriteString("+" + strings.Join(parts, ","))
	}
	return v.String()
}

// plain writes digits as the peer's language prints the number: without
// leading zeros, and rounded where it is beyond a double's precision.
func plain(digits string) string {
	f, err := strconv.ParseFloat("0"+digits, 64)
	if err != nil {
		f = math.Inf(1)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func at(release []string, i int) string {
	if i < len(release) {
		return release[i]
	}
	return "0"
}
