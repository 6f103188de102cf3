package metadata

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/org/release-actions/internal/hint"
)

// Flavor is what holds for all tags of a run.
type Flavor struct {
	// Latest is "true", "false", "auto" or "highest": whether the tag latest is put
	// as well. Empty is auto: where the first tag comes from a release's version.
	// With highest it has to be the highest release, too.
	Latest string
	// Prefer is "registry" or "git": whose releases highest compares with, where
	// it has any. Empty is registry.
	Prefer         string
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
				if !slices.Contains([]string{"auto", "true", "false", highest}, value) {
					return hint.Wrap(fmt.Errorf("attribute \"latest\" is %q", value), "write latest=auto, latest=true, latest=false or latest=highest")
				}
				f.Latest = value
			case "prefer":
				if value != "registry" && value != "git" {
					return hint.Wrap(fmt.Errorf("attribute \"prefer\" is %q", value), "write prefer=registry or prefer=git")
				}
				f.Prefer = value
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
				return hint.Wrap(fmt.Errorf("unknown attribute %q", cmp.Or(key, value)), "a flavor has the attributes latest, prefer, prefix, suffix and onlatest")
			}
			return nil
		}))
	}
	if f.Prefer != "" && f.Latest != highest {
		errs = append(errs, hint.New("attribute \"prefer\" has no meaning without \"latest=highest\"", "write \"latest=highest,prefer=%s\"", f.Prefer))
	}
	return errors.Join(errs...)
}

const highest = "highest"

// latest reports whether the tag latest is put, and why; auto is the answer
// where the flavor leaves it to the rule.
func (f Flavor) latest(auto bool) (bool, string) {
	switch {
	case f.Latest == "true", f.Latest == "false":
		return f.Latest == "true", "the flavor says so"
	case auto:
		return true, "the first tag is of a release's version"
	}
	return false, "the first tag is of no release's version"
}
