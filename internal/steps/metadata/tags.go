package metadata

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/metadata/handlebars"
)

// evaluator evaluates rules and templates on one event.
type evaluator struct {
	event    Event
	flavor   Flavor
	settings Settings
	github   GitHub
	log      *slog.Logger

	globals    handlebars.Object
	commit     *time.Time   // once asked for
	repository *ghapi.About // once asked for
}

// Outcome says what a rule came to on this event.
type Outcome struct {
	Rule Rule
	Tag  string // as it leaves; "" where there is none
	Why  string // why there is none, or another than the rule says
}

const whyDisabled = "it is not enabled"

// tagSet are the tags of one run.
type tagSet struct {
	// version is the first rule's tag, uncut and so maybe longer than a tag.
	version  string
	names    []string
	outcomes []Outcome
}

// tags evaluates the rules. Those of higher priority come first.
func (e *evaluator) tags(ctx context.Context, rules Rules) (tagSet, error) {
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(a, b Rule) int {
		// Not cmp.Compare, which orders what is no number.
		switch {
		case a.Priority > b.Priority:
			return -1
		case a.Priority < b.Priority:
			return 1
		}
		return 0
	})
	var set tagSet
	var seen []string // as the rules gave them
	latest := false
	for _, rule := range rules {
		if unknown := rule.unknown(); unknown != nil {
			e.warn(rule, "unknown attributes: %s", strings.Join(unknown, ", "))
		}
		r, err := e.rule(ctx, rule)
		if err != nil {
			return tagSet{}, rule.Entry.errorf("%w", err)
		}
		outcome := Outcome{Rule: rule, Why: r.why}
		tag := sanitize(r.tag)
		switch {
		case tag == "":
			if outcome.Why == "" {
				outcome.Why = "it is empty"
			}
		case slices.Contains(seen, tag):
			outcome.Tag, outcome.Why = tag, "another rule gave it first"
		default:
			if len(seen) == 0 {
				set.version, latest = strings.TrimLeft(tag, ".-"), e.flavor.latest(r.latest)
			}
			seen = append(seen, tag)
			outcome.Tag, outcome.Why = set.add(tag)
			if outcome.Why != "" {
				e.warn(rule, "%s", outcome.Why)
			}
		}
		set.outcomes = append(set.outcomes, outcome)
	}
	if latest {
		e.addLatest(&set)
	}
	return set, nil
}

// rule evaluates one rule.
func (e *evaluator) rule(ctx context.Context, r Rule) (result, error) {
	if text, ok := r.attrs["enable"]; ok {
		enabled, err := e.render(text)
		switch {
		case err != nil:
			return result{}, err
		case enabled == "false":
			return skip(whyDisabled)
		case enabled != "true":
			return result{}, hint.Wrap(fmt.Errorf("attribute \"enable\" is %q", enabled), "write true, false, or an expression of either, as {{is_default_branch}}")
		}
	}
	res, err := kinds[r.Type].evaluate(e, ctx, r)
	if err != nil || res.why != "" {
		return res, err
	}
	prefix, ok := r.attrs["prefix"]
	if !ok {
		prefix = e.flavor.Prefix
	}
	suffix, ok := r.attrs["suffix"]
	if !ok {
		suffix = e.flavor.Suffix
	}
	res.tag, err = e.affix(prefix, res.tag, suffix)
	return res, err
}

func (e *evaluator) affix(prefix, tag, suffix string) (string, error) {
	prefix, err := e.render(prefix)
	if err != nil {
		return "", err
	}
	suffix, err = e.render(suffix)
	return prefix + tag + suffix, err
}

// addLatest adds the tag latest. Its prefix and suffix are taken as they are
// written, as the peer does: expressions in them are not evaluated.
func (e *evaluator) addLatest(set *tagSet) {
	tag := "latest"
	if e.flavor.PrefixLatest {
		tag = e.flavor.Prefix + tag
	}
	if e.flavor.SuffixLatest {
		tag += e.flavor.Suffix
	}
	added, why := set.add(sanitize(tag))
	if why == "" && strings.Contains(tag, "{{") {
		why = fmt.Sprintf("expressions have no value on the tag latest, which becomes %q", added)
	}
	if why != "" {
		e.log.Warn("flavor: " + why)
	}
}

// warn logs a warning about a rule.
func (e *evaluator) warn(r Rule, format string, args ...any) {
	e.log.Warn(fmt.Sprintf("rule %q: ", r.Entry.Text) + fmt.Sprintf(format, args...))
}

// warnSkip skips a rule for a reason that is worth a warning.
func (e *evaluator) warnSkip(r Rule, format string, args ...any) (result, error) {
	e.warn(r, format, args...)
	return skip(format, args...)
}

// maxTagLength is the distribution specification's.
const maxTagLength = 128

var notInTags = regexp.MustCompile(`[^a-zA-Z0-9._-]+`)

// sanitize replaces what no tag may have in it by hyphens.
func sanitize(tag string) string { return notInTags.ReplaceAllString(tag, "-") }

// add makes a valid tag of one that is sanitized and adds it. It says why it
// had to change or drop it, if so.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
func (s *tagSet) add(tag string) (added, why string) {
	valid := strings.TrimLeft(tag, ".-")
	valid = valid[:min(len(valid), maxTagLength)]
	switch {
	case valid == "":
		return "", fmt.Sprintf("tag %q is dropped: it has nothing but dots and hyphens", tag)
	case slices.Contains(s.names, valid):
		return "", fmt.Sprintf("tag %q is dropped: %q is there already", tag, valid)
	case len(valid) == maxTagLength && len(tag) > maxTagLength:
		why = fmt.Sprintf("tag %q is cut to %d characters, which is all that a tag may have", tag, maxTagLength)
	case valid != tag:
		why = fmt.Sprintf("tag %q becomes %q: a tag may not start with a dot or a hyphen", tag, valid)
	}
	s.names = append(s.names, valid)
	return valid, why
}
