package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
)

// target is one of the images, and what was found under its name.
type target struct {
	ref      image.Ref
	pinned   image.Pinned
	subjects []evidence.Subject
	checks   []Check
}

// inspect makes all checks. First the names are resolved, all at once; then
// every manifest is looked at in every registry, all at once.
func inspect(ctx context.Context, cfg Config, d Deps) Report {
	targets := make([]target, len(cfg.Images))
	_ = parallel.Each(cfg.Images, func(n int, ref image.Ref) error { // what goes wrong is a check's verdict
		targets[n] = resolve(ctx, d, ref, cfg.Platforms)
		return nil
	})
	type place struct {
		target  int
		subject evidence.Subject
	}
	var places []place
	for n, t := range targets {
		for _, s := range t.subjects {
			places = append(places, place{n, s})
		}
	}
	checks := make([][]Check, len(places))
	_ = parallel.Each(places, func(n int, at place) error { // as above
		checks[n] = examine(ctx, cfg, d, targets[at.target], at.subject)
		return nil
	})
	for n, at := range places {
		targets[at.target].checks = append(targets[at.target].checks, checks[n]...)
	}
	report := Report{Expected: cfg.identity(), Checks: sameDigest(targets)}
	for _, t := range targets {
		report.Checks = append(report.Checks, t.checks...)
	}
	report.conclude(targets[0].pinned.Digest)
	return report
}

// resolve finds what a name points to, and whether all platforms are there.
func resolve(ctx context.Context, d Deps, ref image.Ref, expected []image.Platform) target {
	t := target{ref: ref}
	var err error
	if t.pinned, err = d.Registry.Resolve(ctx, ref); err != nil {
		t.checks = append(t.checks, failed(Check{Image: ref.String(), Of: "image", Claim: "exists"}, err))
		return t
	}
	check := Check{Image: ref.String(), Digest: t.pinned.Digest, Of: "image", Claim: "platforms"}
	if t.subjects, err = evidence.Subjects(ctx, d.Registry, t.pinned); err != nil {
		t.checks = append(t.checks, failed(check, err))
		return t
	}
	var there []image.Platform
	var names, missing []string
	for _, s := range t.subjects {
		there = append(there, s.Platforms...)
	}
	for _, p := range there {
		names = append(names, p.String())
	}
	for _, p := range expected {
		if !slices.Contains(there, p) {
			missing = append(missing, p.String())
		}
	}
	if len(missing) > 0 {
		t.checks = append(t.checks, check.refused(fmt.Sprintf("lacks %s; has %s", strings.Join(missing, ", "), strings.Join(names, ", "))))
		return t
	}
	t.checks = append(t.checks, check.verified(strings.Join(names, ", ")))
	return t
}

// sameDigest compares what the names point to. Of a name that could not be
// resolved its own check tells.
func sameDigest(targets []target) []Check {
	check := Check{Of: "image", Claim: "same digest"}
	var seen []string
	same := true
	for _, t := range targets {
		if t.pinned.Digest == "" {
			continue
		}
		same = same && (check.Digest == "" || t.pinned.Digest == check.Digest)
		check.Digest = t.pinned.Digest
		seen = append(seen, t.pinned.String())
	}
	switch {
	case !same:
		check.Digest = ""
		return []Check{check.refused(strings.Join(seen, " is not "))}
	case len(seen) < len(targets):
		return nil
	}
	return []Check{check.verified(fmt.Sprintf("%s for %d names", check.Digest, len(seen)))}
}

// examine checks one manifest in one registry: that it is there, and what is
// said of it.
func examine(ctx context.Context, cfg Config, d Deps, t target, s evidence.Subject) []Check {
	at := t.ref.Repository.Pin(s.Digest)
	about := func(claim string) Check {
		return Check{Image: t.ref.String(), Digest: s.Digest, Of: s.String(), Claim: claim}
	}
	if _, err := d.Registry.Manifest(ctx, at); err != nil {
		return []Check{failed(about("manifest"), err)}
	}
	wanted := []string{intoto.CosignSign}
	if cfg.SBOMs {
		wanted = append(wanted, intoto.SPDX, intoto.CycloneDX)
	}
	reader := evidence.Reader{Registry: d.Registry, Verifier: d.Verifier, Identity: cfg.identity()}
	found, err := reader.Find(ctx, at, wanted...)
	var checks []Check
	for _, predicateType := range wanted {
		claim := "signature"
		if predicateType != intoto.CosignSign {
			claim = evidence.Format(predicateType)
		}
		checks = append(checks, decide(about(claim), predicateType, found, err))
	}
	return checks
}

// decide looks for one bundle that proves the claim. Others that don't are no
// matter: whoever may write to a registry may add some.
func decide(check Check, predicateType string, found evidence.Found, err error) Check {
	var why []string
	for _, b := range found.Bundles {
		if b.Statement.PredicateType != predicateType {
			continue
		}
		if predicateType != intoto.CosignSign {
			if err := describes(b, check.Digest); err != nil {
				why = append(why, err.Error())
				continue
			}
		}
		check.LogIndex, check.Time, check.Identity = &b.LogIndex, &b.Time, b.Identity.Subject
		return check.verified(fmt.Sprintf("log index %d", b.LogIndex))
	}
	if err != nil {
		return failed(check, err)
	}
	for _, err := range found.Refused {
		why = append(why, err.Error())
	}
	const most = 3
	if len(why) > most {
		why = append(why[:most], fmt.Sprintf("and %d more", len(why)-most))
	}
	if len(why) == 0 {
		return check.refused("there is none")
	}
	return check.refused("there is none that counts: " + strings.Join(why, "; "))
}

// describes checks that an attested SBOM says itself that it is about d.
func describes(b evidence.Bundle, d image.Digest) error {
	document, err := evidence.ParseDocument(b.Statement.Predicate)
	if err != nil {
		return err
	}
	if document.PredicateType != b.Statement.PredicateType {
		return fmt.Errorf("an attestation of type %s holds a %s document", b.Statement.PredicateType, document.Format())
	}
	if document.Digest != d {
		return fmt.Errorf("the attested %s document describes %s", document.Format(), document.Digest)
	}
	return nil
}

// failed makes an error of the registry a verdict: what is not there is
// refused, anything else is not known.
func failed(check Check, err error) Check {
	check.err = err
	if errors.Is(err, registry.ErrNotFound) {
		return check.refused(err.Error())
	}
	return check.undecided(err.Error())
}
