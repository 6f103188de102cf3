package retention

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/lines"
)

// Policy is what goes and what stays.
type Policy struct {
	// Rules each say what goes. What none is about stays.
	Rules []Rule `json:"rules"`
	// Protect names what stays, whatever a rule says.
	Protect Patterns `json:"protect,omitempty"`
	// Grace is how long a version without a tag is taken for a release on its way.
	Grace Age `json:"grace"`
}

// Rule says which versions go. The fields of the first part tell which it is
// about, those of the second which of these stay. A version with several tags is
// meant where all of them are.
type Rule struct {
	DeleteTags  Patterns `json:"delete-tags,omitempty" input:"delete-tags"`
	Untagged    bool     `json:"untagged,omitempty" input:"untagged"`         // no tag, and no other version needs it
	PreReleases bool     `json:"pre-releases,omitempty" input:"pre-releases"` // tags such as 1.2.3-rc.1
	Orphans     bool     `json:"orphans,omitempty" input:"orphans"`           // refers to what isn't there
	Broken      bool     `json:"broken,omitempty" input:"broken"`             // an index that lacks a platform's image

	KeepTags   Patterns `json:"keep-tags,omitempty" input:"keep-tags"`
	OlderThan  Age      `json:"older-than,omitempty" input:"older-than"`   // what is younger stays
	KeepNewest int      `json:"keep-newest,omitempty" input:"keep-newest"` // that many of the last pushed
	KeepLatest Latest   `json:"keep-latest,omitzero" input:"keep-latest"`  // that many of the highest versions
	Oldest     int      `json:"oldest,omitempty" input:"oldest"`           // where not 0, no more go, the oldest first
}

// IsZero reports whether nothing is written in the rule.
func (r Rule) IsZero() bool {
	return !r.selects() && r.KeepTags == nil && r.OlderThan == 0 && r.KeepNewest == 0 && r.KeepLatest == Latest{} && r.Oldest == 0
}

func (r Rule) selects() bool {
	return len(r.DeleteTags) > 0 || r.Untagged || r.PreReleases || r.Orphans || r.Broken
}

// Validate checks that the rule is about something.
func (r Rule) Validate() error {
	switch {
	case !r.selects():
		return hint.New("nothing says what goes", `add "delete-tags", "untagged: true", "pre-releases: true", "orphans: true" or "broken: true"; all tags are "delete-tags: *"`)
	case r.KeepNewest < 0:
		return fmt.Errorf("\"keep-newest\" is %d, less than none", r.KeepNewest)
	case r.Oldest < 0:
		return fmt.Errorf("\"oldest\" is %d, less than none", r.Oldest)
	}
	return nil
}

// Rules is a YAML list of mappings, whose keys are those of a Rule.
type Rules []Rule

const rulesShape = `write a list such as "- untagged: true" with "keep-newest: 10" under it, patterns in quotes`

// UnmarshalText parses the YAML and reports all rules that are wrong.
func (r *Rules) UnmarshalText(text []byte) error {
	var rules Rules
	err := lines.Mappings(text, rulesShape, func(item *yaml.Node) error {
		rule, err := parseRule(item)
		if err != nil {
			return fmt.Errorf("rule %d: %w", len(rules)+1, err)
		}
		rules = append(rules, rule)
		return nil
	})
	*r = rules
	return err
}

func parseRule(item *yaml.Node) (Rule, error) {
	var rule Rule
	fields := map[string]any{
		"delete-tags": &rule.DeleteTags, "untagged": &rule.Untagged, "pre-releases": &rule.PreReleases, "orphans": &rule.Orphans, "broken": &rule.Broken,
		"keep-tags": &rule.KeepTags, "older-than": &rule.OlderThan, "keep-newest": &rule.KeepNewest, "keep-latest": &rule.KeepLatest, "oldest": &rule.Oldest,
	}
	var errs []error
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i].Value, item.Content[i+1]
		field, known := fields[key]
		switch {
		case !known:
			errs = append(errs, hint.Wrap(fmt.Errorf("line %d: %q is no key of a rule", value.Line, key), "write one of %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", ")))
		case field == nil:
			errs = append(errs, fmt.Errorf("line %d: %q is given twice", value.Line, key))
		default:
			fields[key] = nil
			if err := set(field, value); err != nil {
				errs = append(errs, fmt.Errorf("line %d: %q: %w", value.Line, key, err))
			}
		}
	}
	if len(errs) == 0 {
		errs = append(errs, rule.Validate())
	}
	return rule, errors.Join(errs...)
}

// set parses a value, which may be a list where there can be several.
func set(field any, value *yaml.Node) error {
	if patterns, ok := field.(*Patterns); ok && value.Kind == yaml.SequenceNode {
		var items []string
		for _, item := range value.Content {
			items = append(items, item.Value)
		}
		return patterns.UnmarshalText([]byte(strings.Join(items, "\n")))
	}
	if value.Kind != yaml.ScalarNode {
		return hint.New("it is not plain text", rulesShape)
	}
	text := strings.TrimSpace(value.Value)
	switch field := field.(type) {
	case *bool:
		if text != "true" && text != "false" {
			return hint.Wrap(fmt.Errorf("%q is not a boolean", text), "write true or false")
		}
		*field = text == "true"
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*field = n
	case encoding.TextUnmarshaler:
		return field.UnmarshalText([]byte(text))
	}
	return nil
}
