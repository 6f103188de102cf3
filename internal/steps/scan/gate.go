package scan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/trivy"
)

// The gate's answers.
const (
	gateOff       = "off" // there is no "fail-on"
	gatePassed    = "passed"
	gateRefused   = "refused"
	gateUndecided = "undecided" // a platform could not be judged
)

// named is how many findings a refusal names.
const named = 5

// decide lets the gate look at what was found. What it refuses, and what could
// not be judged, is an error.
func (r *Result) decide(cfg Config, targets []target, ignored *ignores) error {
	r.Gate = gateOff
	if cfg.FailOn == nil {
		return nil
	}
	if err := judgeable(cfg, targets); err != nil {
		r.Gate = gateUndecided
		return err
	}
	var stopped []Finding
	for _, f := range r.findings {
		if f.Severity >= *cfg.FailOn && (!cfg.OnlyFixed || f.Fixed != "" || f.Kind != trivy.Vulnerability) {
			stopped = append(stopped, f)
		}
	}
	if len(stopped) == 0 {
		r.Gate = gatePassed
		return nil
	}
	r.Gate = gateRefused
	var names []string
	for _, f := range stopped[:min(named, len(stopped))] {
		name := f.ID
		if f.Package != "" {
			name += " in " + f.Package + " " + f.Installed
		}
		if f.Fixed != "" {
			name += ", fixed in " + f.Fixed
		}
		if end, ok := ignored.expired[f.ID]; ok {
			name += ", whose rule to ignore it expired on " + end.Format(time.DateOnly)
		}
		names = append(names, name)
	}
	more := ""
	if n := len(stopped) - len(names); n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return hint.Wrap(fmt.Errorf("the gate refuses %d findings of severity %s or worse: %s%s", len(stopped), *cfg.FailOn, strings.Join(names, "; "), more),
		"update what has a fix, or ignore a finding until a date in .trivyignore: \"%s exp:2027-01-31\"; \"only-fixed: true\" lets pass what has no fix", stopped[0].ID)
}

// judgeable sees to it that nothing passes since nothing was looked at.
func judgeable(cfg Config, targets []target) error {
	var errs []error
	for _, t := range targets {
		switch {
		case t.report.Nothing():
			errs = append(errs, hint.Wrap(fmt.Errorf("%s has no operating system and no packages that Trivy knows: the gate can't judge it", t.platform),
				"leave out \"fail-on\" for such an image"))
		case t.report.OS != nil && t.report.OS.Unsupported && !slices.Equal(cfg.Select.Types, []string{"library"}):
			errs = append(errs, hint.Wrap(fmt.Errorf("%s is of %s, about which there are no advisories: the gate can't judge it", t.platform, t.report.OS),
				"judge the packages of languages only, with \"vuln-type: library\""))
		}
	}
	return errors.Join(errs...)
}
