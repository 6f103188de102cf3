package metadata

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// Rule is one entry of the tags input: where a tag comes from, and when.
type Rule struct {
	Entry    Entry
	Type     string
	Priority float64
	attrs    map[string]string
}

// Rules are the tags input.
type Rules []Rule

// kind is a type of rule.
type kind struct {
	priority float64
	defaults map[string]string
	required []string
	check    func(Rule) error
	// evaluate returns the tag, or why there is none on this event.
	evaluate func(*evaluator, context.Context, Rule) (result, error)
}

// result is what a rule came to.
type result struct {
	tag     string // as the rule spells it, characters that no tag may have included
	version string // the version that was read, for one that can be a release's
	latest  bool   // a flavor latest=auto puts the tag latest, too
	why     string // why there is no tag
}

func skip(format string, args ...any) (result, error) {
	return result{why: fmt.Sprintf(format, args...)}, nil
}

// defaultRules stand in for an empty tags input.
const defaultRules = "type=schedule\ntype=ref,event=branch\ntype=ref,event=tag\ntype=ref,event=pr"

var attributeNames = []string{"type", "enable", "priority", "prefix", "suffix", "pattern", "value", "match", "group", "branch", "event", "format"}

// UnmarshalText reads the tags input.
func (r *Rules) UnmarshalText(text []byte) error {
	var list List
	if err := list.UnmarshalText(text); err != nil {
		return err
	}
	*r = nil
	var errs []error
	for _, entry := range list {
		rule, err := parseRule(entry)
		errs = append(errs, err)
		*r = append(*r, rule)
	}
	return errors.Join(errs...)
}

// orDefault returns the rules, or those that stand in for none.
func (r Rules) orDefault() Rules {
	if len(r) == 0 {
		if err := r.UnmarshalText([]byte(defaultRules)); err != nil {
			panic(err) // a constant
		}
	}
	return r
}

func parseRule(entry Entry) (Rule, error) {
	rule := Rule{Entry: entry, Type: "raw", attrs: map[string]string{}}
	err := entry.attributes(false, func(key, value string) error {
		switch key {
		case "":
			rule.attrs["value"] = value
		case "type":
			if _, ok := kinds[value]; !ok {
				return hint.Wrap(fmt.Errorf("unknown type %q", value), "the types are %s", strings.Join(kindNames(), ", "))
			}
			rule.Type = value
		default:
			rule.attrs[key] = value
		}
		return nil
	})
	if err != nil {
		return Rule{}, err
	}
	k := kinds[rule.Type]
	for _, name := range k.required {
		if _, ok := rule.attrs[name]; !ok {
			return Rule{}, hint.Wrap(entry.errorf("attribute %q is missing", name), "write it as in %q", k.example(rule.Type, name))
		}
	}
	for name, value := range k.defaults {
		if _, ok := rule.attrs[name]; !ok {
			rule.attrs[name] = value
		}
	}
	rule.Priority = k.priority
	if text, ok := rule.attrs["priority"]; ok {
		rule.Priority = number(text)
	}
	if k.check != nil {
		if err := k.check(rule); err != nil {
			return Rule{}, entry.errorf("%w", err)
		}
	}
	return rule, nil
}

func (kind) example(name, attribute string) string {
	value := map[string]string{"pattern": "{{version}}", "event": "tag", "value": "stable"}[attribute]
	if name == "match" {
		value = `v(\d+)`
	}
	return "type=" + name + "," + attribute + "=" + value
}

// unknown returns the attributes that mean nothing to any rule.
func (r Rule) unknown() []string {
	var names []string
	for name := range r.attrs {
		if !slices.Contains(attributeNames, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// isVersion reports whether the rule reads a version out of a git tag.
func (r Rule) isVersion() bool { return r.Type == "semver" || r.Type == "pep440" || r.Type == "match" }

var decimal = regexp.MustCompile(`^[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$`)

// number reads a number as the peer's language does, in decimal, hexadecimal,
// octal or binary; NaN where it is none.
//
// https://tc39.es/ecma262/#sec-stringtonumber
func number(text string) float64 {
	text = trim(text)
	switch {
	case text == "":
		return 0
	case decimal.MatchString(text):
		f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, as there
		return f
	case len(text) > 2 && text[0] == '0' && strings.ContainsRune("xXoObB", rune(text[1])) && !strings.Contains(text, "_"):
		if n, err := strconv.ParseUint(text, 0, 64); err == nil {
			return float64(n)
		}
	}
	return math.NaN()
}
