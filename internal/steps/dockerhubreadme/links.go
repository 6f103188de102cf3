package dockerhubreadme

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/markdown"
)

// origin is where on GitHub the text comes from: the checkout of a branch or tag.
type origin struct{ job.Job }

// known reports whether links can be made to s.
func (s origin) known() bool { return s.ServerURL != "" && s.Repository != "" && s.RefName != "" }

// url returns where a path of the repository is seen; kind is "blob" for its
// page, "raw" for its content.
func (s origin) url(kind, path string) string {
	return strings.TrimSuffix(s.ServerURL, "/") + "/" + s.Repository + "/" + kind + "/" + s.RefName + "/" + path
}

// inRepository returns a file's path from the repository's root.
func (s origin) inRepository(file string) string {
	if filepath.IsAbs(file) {
		if rel, err := filepath.Rel(s.Workspace, file); err == nil {
			file = rel
		}
	}
	return path.Clean(filepath.ToSlash(file))
}

// Extensions tell a link to an image's content from one to a page. Parsed from
// "png,svg", each is a pattern, as the peers have it.
type Extensions struct{ pattern string }

// defaultExtensions are those of action.yml.
const defaultExtensions = "bmp,gif,jpg,jpeg,png,svg,webp"

// UnmarshalText parses a list separated by commas.
func (e *Extensions) UnmarshalText(text []byte) error {
	pattern := extensionPattern(string(text))
	if _, err := regexp.Compile(pattern); err != nil {
		return hint.Wrap(fmt.Errorf("%q is not a list of file extensions", text), "write it as in \"png,svg\"")
	}
	e.pattern = pattern
	return nil
}

func extensionPattern(list string) string {
	return "[.](?i:" + strings.ReplaceAll(list, ",", "|") + ")"
}

// The parts of an inline link. An address has no colon, which would make it
// absolute, and may have a title behind it.
const (
	label   = `\[[^\[\]]+\]`
	picture = `!\[[^\[\]]*\]`
	badge   = `\[!\[[^\[\]]*\]\([^)]+\)\]` // a picture as a link's text
	opening = `\(\s*<?`
	title   = `>?(?: +"[^"]+")?`
)

// rule inserts prefix(address) in front of the first group of what matches.
type rule struct {
	pattern *regexp.Regexp
	prefix  func(address string) string
}

// complete makes the relative links of a README in file absolute, apart from
// those in code. Only prefixes are inserted; the text stays as it is.
func (s origin) complete(text, file string, images Extensions) string {
	if images.pattern == "" {
		images.pattern = extensionPattern(defaultExtensions)
	}
	image := regexp.MustCompile(images.pattern + `$`)
	raw := func(string) string { return s.url("raw", "") }
	link := func(address string) string {
		if len(address) > 1 && address[0] == '#' {
			return s.url("blob", s.inRepository(file))
		}
		return s.url("blob", "")
	}
	either := func(address string) string {
		if image.MatchString(address) {
			return raw(address)
		}
		return link(address)
	}
	// Pictures come first, since a picture holds what looks like a link.
	rules := []rule{
		{regexp.MustCompile(picture + opening + `([^:)]+` + images.pattern + title + `)\)`), raw},
		{regexp.MustCompile(label + opening + `([^:)]+` + title + `)\)`), link},
		{regexp.MustCompile(badge + opening + `([^:)]+` + title + `)\)`), link},
		{reference, either},
		{source, raw},
		{target, link},
	}
	masked := markdown.MaskCode(text)
	for _, r := range rules {
		matches := r.pattern.FindAllStringSubmatchIndex(masked, -1)
		for _, m := range slices.Backward(matches) {
			at := m[2]
			address := masked[at:m[3]]
			prefix := r.prefix(address)
			switch {
			case strings.HasPrefix(address, "//"): // another host
				continue
			case address[0] == '/':
				prefix = strings.TrimSuffix(prefix, "/")
			}
			text = text[:at] + prefix + text[at:]
			masked = masked[:at] + prefix + masked[at:]
		}
	}
	return text
}

var (
	// reference is a line such as [id]: docs/x.md "title", and no footnote.
	reference = regexp.MustCompile(`(?m)^ {0,3}\[[^\[\]^\n][^\[\]\n]*\]:[ \t]*<?([^\s:<>]+)>?(?:[ \t]+(?:"[^"\n]*"|'[^'\n]*'|\([^()\n]*\)))?[ \t\r]*$`)
	source    = regexp.MustCompile(`(?i)<[a-z][^<>]*\ssrc\s*=\s*["']([^"':<>]+)["']`)
	target    = regexp.MustCompile(`(?i)<a\s(?:[^<>]*\s)?href\s*=\s*["']([^"':<>]+)["']`)
)
