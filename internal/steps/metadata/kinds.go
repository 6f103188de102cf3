package metadata

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/metadata/handlebars"
)

const (
	headRef = "refs/heads/"
	tagRef  = "refs/tags/"
	pullRef = "refs/pull/"
)

var kinds map[string]kind

func init() { // a literal would refer to itself through evaluate
	kinds = map[string]kind{
		"schedule": {priority: 1000, defaults: map[string]string{"pattern": "nightly"}, evaluate: (*evaluator).schedule},
		"semver":   {priority: 900, required: []string{"pattern"}, evaluate: (*evaluator).semver},
		"pep440":   {priority: 900, required: []string{"pattern"}, evaluate: (*evaluator).pep440},
		"match":    {priority: 800, required: []string{"pattern"}, defaults: map[string]string{"group": "0"}, check: checkGroup, evaluate: (*evaluator).match},
		"edge":     {priority: 700, evaluate: (*evaluator).edge},
		"ref":      {priority: 600, required: []string{"event"}, check: checkEvent, evaluate: (*evaluator).ref},
		"raw":      {priority: 200, required: []string{"value"}, evaluate: (*evaluator).raw},
		"sha":      {priority: 100, defaults: map[string]string{"prefix": "sha-", "format": "short"}, check: checkFormat, evaluate: (*evaluator).sha},
	}
}

func kindNames() []string { return slices.Sorted(maps.Keys(kinds)) }

func checkGroup(r Rule) error {
	if group := r.attrs["group"]; math.IsNaN(number(group)) {
		return hint.Wrap(fmt.Errorf("attribute \"group\" is %q", group), "write the number of a group of the pattern; 0 is the whole match")
	}
	return nil
}

func checkEvent(r Rule) error {
	switch event := r.attrs["event"]; event {
	case "branch", "tag":
	case "pr":
		if _, ok := r.attrs["prefix"]; !ok {
			r.attrs["prefix"] = "pr-"
		}
	default:
		return hint.Wrap(fmt.Errorf("attribute \"event\" is %q", event), "write event=branch, event=tag or event=pr")
	}
	return nil
}

func checkFormat(r Rule) error {
	if format := r.attrs["format"]; format != "short" && format != "long" {
		return hint.Wrap(fmt.Errorf("attribute \"format\" is %q", format), "write format=short or format=long")
	}
	return nil
}

// attribute evaluates the template that an attribute is.
func (e *evaluator) attribute(r Rule, name string) (string, error) {
	text, err := e.render(r.attrs[name])
	return text, inAttribute(name, err)
}

// inAttribute says which attribute an error is about.
func inAttribute(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("attribute %q: %w", name, err)
}

func (e *evaluator) schedule(ctx context.Context, r Rule) (result, error) {
	if !strings.Contains(e.event.Name, "schedule") {
		return skip("the event is %q, not schedule", e.event.Name)
	}
	tag, err := handlebars.Render(r.attrs["pattern"], e.dates(ctx))
	return result{tag: tag}, inAttribute("pattern", err)
}

func (e *evaluator) edge(ctx context.Context, r Rule) (result, error) {
	branch, ok := strings.CutPrefix(e.event.Ref, headRef)
	if !ok {
		return skip("%q is no branch", e.event.Ref)
	}
	edge := r.attrs["branch"]
	if edge == "" {
		about, err := e.about(ctx)
		if err != nil {
			return result{}, err
		}
		edge = about.DefaultBranch
	}
	if branch != edge {
		return skip("branch %q is not %q", branch, edge)
	}
	return result{tag: "edge"}, nil
}

func (e *evaluator) ref(_ context.Context, r Rule) (result, error) {
	event := r.attrs["event"]
	prefix := map[string]string{"branch": headRef, "tag": tagRef, "pr": pullRef}[event]
	name, ok := strings.CutPrefix(e.event.Ref, prefix)
	if !ok {
		return skip("%q is no %s", e.event.Ref, map[string]string{"branch": "branch", "tag": "tag", "pr": "pull request"}[event])
	}
	if event == "pr" {
		name = strings.TrimSuffix(name, "/merge")
	}
	return result{tag: name, version: name, latest: event == "tag"}, nil
}

func (e *evaluator) raw(_ context.Context, r Rule) (result, error) {
	tag, err := e.attribute(r, "value")
	return result{tag: tag}, err
}

func (e *evaluator) sha(_ context.Context, r Rule) (result, error) {
	if e.event.SHA == "" {
		return skip("the event has no commit")
	}
	if r.attrs["format"] == "long" {
		return result{tag: e.event.SHA}, nil
	}
	return result{tag: e.shortSHA()}, nil
}

// source returns the text that a version is read from: the value of the rule,
// or else the git tag.
func (e *evaluator) source(r Rule) (text string, ok bool, err error) {
	if r.attrs["value"] != "" {
		text, err = e.attribute(r, "value")
		return text, true, err
	}
	text, ok = strings.CutPrefix(e.event.Ref, tagRef)
	return text, ok, nil
}

func (e *evaluator) match(_ context.Context, r Rule) (result, error) {
	text, ok, err := e.source(r)
	if err != nil {
		return result{}, err
	}
	if !ok {
		return skip("%q is no tag", e.event.Ref)
	}
	groups, err := matchPattern(r.attrs["pattern"], text)
	if err != nil {
		return result{}, inAttribute("pattern", err)
	}
	if groups == nil {
		return e.warnSkip(r, "pattern %q does not match %q", r.attrs["pattern"], text)
	}
	tag, ok := groups.at(r.attrs["group"])
	if !ok {
		return e.warnSkip(r, "pattern %q has no group %s in %q", r.attrs["pattern"], r.attrs["group"], text)
	}
	return result{tag: tag, version: tag, latest: true}, nil
}

// version returns the text to read a version from, narrowed down by the rule's
// match attribute. Slashes can't be in a tag and become hyphens.
func (e *evaluator) version(r Rule) (text string, ok bool, err error) {
	text, ok, err = e.source(r)
	if err != nil || !ok {
		return "", false, err
	}
	if pattern := r.attrs["match"]; pattern != "" {
		groups, err := matchText(pattern, "", text)
		switch {
		case err != nil:
			return "", false, inAttribute("match", err)
		case groups == nil:
			e.warn(r, "match %q does not match %q", pattern, text)
		default:
			if text, ok = groups.at("1"); !ok {
				return "", false, hint.Wrap(fmt.Errorf("match %q has no group", pattern), "put the version in parentheses, as in \"match=app-(.*)\"")
			}
		}
	}
	return strings.ReplaceAll(text, "/", "-"), true, nil
}
