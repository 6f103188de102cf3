package cleanup

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/retention"
)

// Config is what the step is asked to do.
type Config struct {
	Images    []Pattern          `input:"images,arg"`
	Rules     retention.Rules    `input:"rules"`
	Rule      retention.Rule     // the one rule, where Rules is empty
	Protect   retention.Patterns `input:"protect"`
	Grace     retention.Age      `input:"grace"`
	MaxDelete retention.Limit    `input:"max-delete"`
	DryRun    bool               `input:"dry-run"`
	Restore   string             `input:"restore"` // the document of a run, whose deletions are undone
	OutputDir string             `input:"output-dir"`
	RetryFor  time.Duration      `input:"retry-for"`
	Registry  registry.Credentials
}

// Validate checks that there are repositories, and rules for them in one of the
// two ways; or else a run to undo.
func (c Config) Validate() error {
	errs := []error{c.Registry.Validate()}
	if c.Restore != "" {
		if len(c.Rules) > 0 || !c.Rule.IsZero() {
			errs = append(errs, hint.New(`rules are given together with "restore"`, `leave them out: "restore" brings back what a run has removed, and removes nothing`))
		}
		return errors.Join(errs...)
	}
	if len(c.Images) == 0 {
		errs = append(errs, hint.New(`input "images" is missing`, `add "images: ghcr.io/${{ github.repository }}" under "with:"`))
	}
	switch {
	case len(c.Rules) > 0 && !c.Rule.IsZero():
		errs = append(errs, hint.New(`there are "rules" and the inputs of one rule beside them`, `write that rule under "rules", too`))
	case len(c.Rules) == 0:
		errs = append(errs, c.Rule.Validate())
	}
	return errors.Join(errs...)
}

func (c Config) policy() retention.Policy {
	p := retention.Policy{Rules: c.Rules, Protect: c.Protect, Grace: c.Grace}
	if len(p.Rules) == 0 {
		p.Rules = []retention.Rule{c.Rule}
	}
	return p
}

// Pattern names repositories: "ghcr.io/acme/app", or with * for any name and **
// for any path behind the host: "ghcr.io/acme/app-*".
type Pattern string

// stars stand for * and ** where a name is parsed.
var stars = strings.NewReplacer("**", "0any0path0", "*", "0any0name0")

// UnmarshalText checks the pattern as a repository's name is checked. The host
// gets its one spelling.
func (p *Pattern) UnmarshalText(text []byte) error {
	name := string(text)
	r, err := image.ParseRepository(stars.Replace(name))
	switch {
	case strings.ContainsAny(name, "@") || strings.LastIndexByte(name, ':') > strings.LastIndexByte(name, '/'):
		return hint.Wrap(fmt.Errorf("%q names more than a repository", name), `write it without a tag or digest; "delete-tags" takes those`)
	case err != nil:
		return hint.Wrap(fmt.Errorf("%q names no repository", name), `write it as in "ghcr.io/acme/app" or "ghcr.io/acme/app-*"`)
	case strings.Contains(r.Host(), "0any0"):
		return hint.Wrap(fmt.Errorf("%q has a star in its host", name), `name the registry, as in "ghcr.io/acme/*"`)
	}
	*p = Pattern(strings.NewReplacer("0any0path0", "**", "0any0name0", "*").Replace(r.String()))
	return nil
}

// repository returns the one that the pattern names without any star.
func (p Pattern) repository() (image.Repository, bool) {
	if strings.Contains(string(p), "*") {
		return image.Repository{}, false
	}
	r, err := image.ParseRepository(string(p))
	return r, err == nil
}
