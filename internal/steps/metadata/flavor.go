package metadata

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/org/release-actions/internal/hint"
)

// Flavor is what holds for all tags of a run.
type Flavor struct {
	// Latest is "true", "false" or "auto": whether the tag latest is put as well.
	// Empty is auto: where the first tag comes from a release's version.
	Latest         string
	Prefix, Suffix string // templates; for rules that have none of their own
	// PrefixLatest and SuffixLatest put them on the tag latest, too.
	PrefixLatest, SuffixLatest bool
}

// UnmarshalText reads the flavor input.
func (f *Flavor) UnmarshalText(text []byte) error {
	var list List
	if err := list.UnmarshalText(text); err != nil {
		return err
	}
	*f = Flavor{}
	var errs []error
	for _, entry := range list {
		var onLatest *bool // of the prefix or suffix before
		errs = append(errs, entry.attributes(true, func(key, value string) error {
			switch key {
			case "latest":
				if value != "auto" && value != "true" && value != "false" {
					return hint.Wrap(fmt.Errorf("attribute \"latest\" is %q", value), "write latest=auto, latest=true or latest=false")
				}
				f.Latest = value
			case "prefix":
				f.Prefix, onLatest = value, &f.PrefixLatest
			case "suffix":
				f.Suffix, onLatest = value, &f.SuffixLatest
			case "onlatest":
				if value != "true" && value != "false" {
					return hint.Wrap(fmt.Errorf("attribute \"onlatest\" is %q", value), "write onlatest=true or onlatest=false")
				}
				if onLatest != nil {
					*onLatest = value == "true"
				}
			default:
				return hint.Wrap(fmt.Errorf("unknown attribute %q", cmp.Or(key, value)), "a flavor has the attributes latest, prefix, suffix and onlatest")
			}
			return nil
		}))
	}
	return errors.Join(errs...)
}

// latest reports whether the tag latest is put; auto is the answer where the
// flavor leaves it to the rule.
func (f Flavor) latest(auto bool) bool {
	if f.Latest == "" || f.Latest == "auto" {
		return auto
	}
	return f.Latest == "true"
}
