package metadata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
)

// Registry is asked for the releases that there are, where the flavor wants to
// know the highest.
type Registry interface {
	Tags(context.Context, image.Repository) ([]string, error)
}

// releaseNumber is a release's version without a prerelease: 1.2.3 is {1, 2, 3}.
type releaseNumber []uint64

var dotted = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)$`)

// parseNumber reads a release's version of so many parts at least. A
// prerelease is none, and neither is a date such as 20240309.
func parseNumber(text string, parts int) (releaseNumber, bool) {
	m := dotted.FindStringSubmatch(text)
	if m == nil {
		return nil, false
	}
	var n releaseNumber
	for digits := range strings.SplitSeq(m[1], ".") {
		part, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			return nil, false
		}
		n = append(n, part)
	}
	return n, len(n) >= parts
}

// compare compares two numbers; parts that one has not are 0.
func (n releaseNumber) compare(other releaseNumber) int {
	for i := range max(len(n), len(other)) {
		if c := cmp.Compare(n.part(i), other.part(i)); c != 0 {
			return c
		}
	}
	return 0
}

func (n releaseNumber) part(i int) uint64 {
	if i < len(n) {
		return n[i]
	}
	return 0
}

// known is a release that there is, by the name of its tag.
type known struct {
	tag    string
	number releaseNumber
}

// isHighest reports whether the version that the first rule read is at least as
// high as every release that there is, and why not.
func (e *evaluator) isHighest(ctx context.Context, rule Rule, r result) (bool, string, error) {
	version, ok := parseNumber(r.version, 1)
	if !ok {
		return false, fmt.Sprintf("%q is no release's version", cmp.Or(r.version, r.tag)), nil
	}
	sources := []func(context.Context, Rule, result, int) ([]known, error){e.releasesInRegistries, e.releasesInGit}
	if e.flavor.Prefer == "git" {
		slices.Reverse(sources)
	}
	for _, source := range sources {
		releases, err := source(ctx, rule, r, min(2, len(version)))
		if err != nil {
			return false, "", fmt.Errorf("flavor: latest=highest: %w", err)
		}
		if len(releases) == 0 {
			continue // perhaps the other knows some
		}
		highest := slices.MaxFunc(releases, func(a, b known) int { return a.number.compare(b.number) })
		if highest.number.compare(version) > 0 {
			return false, fmt.Sprintf("%s is higher than %s", highest.tag, r.version), nil
		}
		return true, fmt.Sprintf("no release is higher than %s", r.version), nil
	}
	return true, "there is no release yet", nil
}

// releasesInRegistries reads versions out of the tags that the images have, as
// this run's tag has its version in it: behind the same prefix and before the
// same suffix.
func (e *evaluator) releasesInRegistries(ctx context.Context, _ Rule, r result, parts int) ([]known, error) {
	if e.registry == nil || len(e.images) == 0 {
		return nil, nil
	}
	prefix, suffix, found := strings.Cut(r.tag, r.version)
	if !found {
		prefix, suffix = "", ""
	}
	tags := make([][]string, len(e.images))
	err := parallel.Each(e.images, func(n int, name ImageName) error {
		repo, err := image.ParseRepository(name.Name)
		if err == nil {
			tags[n], err = e.registry.Tags(ctx, repo)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var releases []known
	for n, name := range e.images {
		for _, tag := range tags[n] {
			text, hasPrefix := strings.CutPrefix(tag, sanitize(prefix))
			text, hasSuffix := strings.CutSuffix(text, sanitize(suffix))
			if n, ok := parseNumber(text, parts); ok && hasPrefix && hasSuffix {
				releases = append(releases, known{name.ref(tag), n})
			}
		}
	}
	return releases, nil
}

// releasesInGit reads versions out of the repository's tags, as the rule reads
// this run's. Tags that the rule's match doesn't match are of something else.
func (e *evaluator) releasesInGit(ctx context.Context, rule Rule, _ result, parts int) ([]known, error) {
	names, err := e.gitTags(ctx)
	if err != nil {
		return nil, err
	}
	other := *e
	other.log = slog.New(slog.DiscardHandler)
	var releases []known
	for _, name := range names {
		if match := rule.attrs["match"]; match != "" {
			if groups, err := matchText(match, "", name); groups == nil || err != nil {
				continue
			}
		}
		other.event.Ref = tagRef + name
		r, err := other.value(ctx, rule)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if n, ok := parseNumber(r.version, parts); ok && err == nil {
			releases = append(releases, known{"git tag " + name, n})
		}
	}
	return releases, nil
}

func (e *evaluator) gitTags(ctx context.Context) ([]string, error) {
	if e.github != nil {
		return e.github.TagNames(ctx)
	}
	text, err := git(ctx, e.tree, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags")
	if err != nil {
		return nil, hint.Wrap(errors.Join(errors.New("there are no tags to compare with"), err), "name the images, or run it in a repository")
	}
	return strings.Fields(text), nil
}
