package retention

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Patterns name tags, or versions by their digests. One is a glob (pr-*, with ?
// and [a-z]), a regular expression between slashes (/^sha-/), a range of
// versions, which begins with one of < > = ^ ~ (<2.0.0, ^1.4), or a digest. They
// are one a line; globs and digests may be separated by commas, too.
//
// A range means versions without a pre-release part, unless it has one itself, as
// in ">=1.0.0-0". https://github.com/Masterminds/semver#checking-version-constraints
type Patterns []pattern

type pattern struct {
	text  string
	match func(tag string) bool // nil for a digest
}

// UnmarshalText parses the list and reports all that is wrong with it.
func (p *Patterns) UnmarshalText(text []byte) error {
	var parsed Patterns
	var errs []error
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		items := []string{line}
		if line != "" && !strings.HasPrefix(line, "/") && !isRange(line) {
			items = strings.Split(line, ",")
		}
		for _, item := range items {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			one, err := parsePattern(item)
			errs = append(errs, err)
			parsed = append(parsed, one)
		}
	}
	*p = parsed
	return errors.Join(errs...)
}

// MarshalText returns the patterns, one a line.
func (p Patterns) MarshalText() ([]byte, error) {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = one.text
	}
	return []byte(strings.Join(texts, "\n")), nil
}

func isRange(s string) bool { return strings.ContainsAny(s[:1], "<>=^~") }

func parsePattern(s string) (pattern, error) {
	switch {
	case strings.HasPrefix(s, "/"):
		expression, closed := strings.CutSuffix(s[1:], "/")
		if !closed || s == "/" {
			return pattern{}, hint.Wrap(fmt.Errorf("regular expression %q has no slash at its end", s), "write it as in \"/^sha-[0-9a-f]+$/\", one a line")
		}
		re, err := regexp.Compile(expression)
		if err != nil {
			return pattern{}, hint.Wrap(fmt.Errorf("regular expression %q: %w", s, err), "write it in Go's syntax: https://pkg.go.dev/regexp/syntax")
		}
		return pattern{s, re.MatchString}, nil
	case isRange(s):
		constraint, err := semver.NewConstraint(s)
		if err != nil {
			return pattern{}, hint.Wrap(fmt.Errorf("range of versions %q: %w", s, err), "write it as in \">=1.2.0 <2.0.0\", \"^1.4\" or \"~1.4.2\"")
		}
		return pattern{s, func(tag string) bool {
			v, ok := parseTag(tag)
			return ok && constraint.Check(v.version)
		}}, nil
	case strings.HasPrefix(s, "sha256:"):
		_, err := image.ParseDigest(s)
		return pattern{text: s}, err
	}
	if _, err := path.Match(s, ""); err != nil || strings.ContainsAny(s, "/:@ ") {
		return pattern{}, hint.Wrap(fmt.Errorf("pattern %q is no glob for a tag", s),
			"write it as in \"pr-*\" or \"v1.[0-9]\", without a repository; a regular expression has a slash at both ends")
	}
	return pattern{s, func(tag string) bool {
		matched, _ := path.Match(s, tag) // the pattern was checked above
		return matched
	}}, nil
}

// tag returns the pattern that matches tag, or "".
func (p Patterns) tag(tag string) string {
	for _, one := range p {
		if one.match != nil && one.match(tag) {
			return one.text
		}
	}
	return ""
}

func (p Patterns) digest(d image.Digest) bool {
	return slices.ContainsFunc(p, func(one pattern) bool { return one.match == nil && one.text == string(d) })
}
