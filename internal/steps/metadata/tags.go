package metadata

import (
	"cmp"
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
	registry Registry
	images   ImageNames
	tree     Deps // for git
	explain  bool
	log      *slog.Logger

	globals    handlebars.Object
	commit     *time.Time   // once asked for
	repository *ghapi.About // once asked for
}

// Outcome says what a rule came to on this event.
type Outcome struct {
	Rule    Rule
	Enabled bool
	Value   string // what the rule spells; of one that isn't enabled only where that is explained
	Tag     string // as it leaves; "" where there is none
	Why     string // why there is none, or another than the rule says
}

const whyDisabled = "it is not enabled"

// tagSet are the tags of one run.
type tagSet struct {
	// version is the first rule's tag, uncut and so maybe longer than a tag.
	version  string
	first    result // of that rule
	names    []string
	has      map[string]bool // the names
	outcomes []Outcome
	latest   Outcome // of the flavor
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
	seen := map[string]bool{} // as the rules gave them
	latest, whyLatest := false, "there is no tag"
	for _, rule := range rules {
		if unknown := rule.unknown(); unknown != nil {
			e.warn(rule, "unknown attributes: %s", strings.Join(unknown, ", "))
		}
		r, enabled, err := e.rule(ctx, rule)
		if err != nil {
			return tagSet{}, rule.Entry.errorf("%w", err)
		}
		outcome := Outcome{Rule: rule, Enabled: enabled, Value: r.tag, Why: r.why}
		tag := sanitize(r.tag)
		switch {
		case !enabled:
		case tag == "":
			outcome.Why = cmp.Or(outcome.Why, "it is empty")
		case seen[tag]:
			outcome.Tag, outcome.Why = tag, "another rule gave it first"
		default:
			if len(seen) == 0 {
				set.version, set.first = strings.TrimLeft(tag, ".-"), r
				if latest, whyLatest, err = e.isLatest(ctx, rule, r); err != nil {
					return tagSet{}, err
				}
			}
			seen[tag] = true
			outcome.Tag, outcome.Why = set.add(tag)
			if outcome.Why != "" {
				e.warn(rule, "%s", outcome.Why)
			}
		}
		set.outcomes = append(set.outcomes, outcome)
	}
	set.latest = Outcome{Rule: Rule{Entry: Entry{Text: "latest=" + cmp.Or(e.flavor.Latest, "auto")}}, Enabled: latest, Why: whyLatest}
	if latest {
		e.addLatest(&set)
	}
	return set, nil
}

// isLatest reports whether the tag latest is put beside that of the first rule
// that gave one, and why.
func (e *evaluator) isLatest(ctx context.Context, rule Rule, r result) (bool, string, error) {
	latest, why := e.flavor.latest(r.latest)
	if !latest || e.flavor.Latest != highest {
		return latest, why, nil
	}
	latest, why, err := e.isHighest(ctx, rule, r)
	if err == nil && !latest {
		e.log.Info("latest stays where it is: " + why)
	}
	return latest, why, err
}

// rule evaluates one rule, and reports whether it is enabled.
func (e *evaluator) rule(ctx context.Context, r Rule) (res result, enabled bool, err error) {
	if _, ok := r.attrs["enable"]; ok {
		enabled, err := e.attribute(r, "enable")
		switch {
		case err != nil:
			return result{}, false, err
		case enabled == "false":
			res.why = whyDisabled
			if e.explain {
				quiet := *e
				quiet.log = slog.New(slog.DiscardHandler)
				would, err := quiet.value(ctx, r)
				res.tag = would.tag
				if err != nil {
					res.why += ", and couldn't be: " + err.Error()
				}
			}
			return res, false, nil
		case enabled != "true":
			return result{}, false, hint.Wrap(fmt.Errorf("attribute \"enable\" is %q", enabled), "write true, false, or an expression of either, as {{is_default_branch}}")
		}
	}
	res, err = e.value(ctx, r)
	return res, true, err
}

// value evaluates a rule as if it were enabled.
func (e *evaluator) value(ctx context.Context, r Rule) (result, error) {
	res, err := kinds[r.Type].evaluate(e, ctx, r)
	if err != nil || res.why != "" {
		return res, err
	}
	prefix, err := e.affix(r, "prefix", e.flavor.Prefix)
	if err != nil {
		return result{}, err
	}
	suffix, err := e.affix(r, "suffix", e.flavor.Suffix)
	res.tag = prefix + res.tag + suffix
	return res, err
}

// affix evaluates the rule's prefix or suffix, or else the flavor's.
func (e *evaluator) affix(r Rule, name, flavor string) (string, error) {
	if _, ok := r.attrs[name]; ok {
		return e.attribute(r, name)
	}
	text, err := e.render(flavor)
	if err != nil {
		return "", fmt.Errorf("the flavor's %s: %w", name, err)
	}
	return text, nil
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
	set.latest.Value, set.latest.Tag = tag, added
	if why != "" {
		set.latest.Why = why
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
	case s.has[valid]:
		return "", fmt.Sprintf("tag %q is dropped: %q is there already", tag, valid)
	case len(valid) == maxTagLength && len(tag) > maxTagLength:
		why = fmt.Sprintf("tag %q is cut to %d characters, which is all that a tag may have", tag, maxTagLength)
	case valid != tag:
		why = fmt.Sprintf("tag %q becomes %q: a tag may not start with a dot or a hyphen", tag, valid)
	}
	if s.has == nil {
		s.has = map[string]bool{}
	}
	s.names, s.has[valid] = append(s.names, valid), true
	return valid, why
}
