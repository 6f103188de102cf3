package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
)

// judge decides what is said of manifests.
type judge struct {
	cfg       Config
	d         Deps
	expected  Expected
	catalogue *catalogue // what the image holds; nil where nobody asked
}

// choose returns the one of several that signed p, the first where none did.
// From then on nothing else counts.
func choose(ctx context.Context, d Deps, p image.Pinned, several []Expected) Expected {
	if len(several) == 1 {
		return several[0]
	}
	var subjects []string
	for _, e := range several {
		subjects = append(subjects, regexp.QuoteMeta(e.Subject))
	}
	anyOf := sigstore.Identity{SubjectRegexp: strings.Join(subjects, "|"), Issuer: several[0].Issuer}
	reader := evidence.Reader{Registry: d.Registry, Verifier: d.Verifier, Identity: anyOf}
	found, _ := reader.Find(ctx, p, intoto.CosignSign) // what can't be read is found out later
	for _, e := range several {
		if slices.ContainsFunc(found.Bundles, func(b evidence.Bundle) bool { return b.Identity.Subject == e.Subject && e.run(b.Source) == nil }) {
			return e
		}
	}
	return several[0]
}

// manifest checks one manifest in one registry: that it is there, and what is
// said of it. It returns the attestations that are verified.
func (j judge) manifest(ctx context.Context, t target, s evidence.Subject) ([]Check, []finding) {
	at := t.ref.Repository.Pin(s.Digest)
	about := func(claim string) Check {
		return Check{Image: t.ref.String(), Digest: s.Digest, Of: s.String(), Claim: claim}
	}
	wanted := append([]Kind{signed}, j.cfg.wanted()...)
	types := make([]string, len(wanted))
	for n, kind := range wanted {
		types[n] = kind.PredicateType
	}
	reader := evidence.Reader{Registry: j.d.Registry, Verifier: j.d.Verifier, Identity: j.expected.Identity}
	var read evidence.Found
	var err, missing error
	var group sync.WaitGroup
	group.Go(func() { _, missing = j.d.Registry.Manifest(ctx, at) })
	group.Go(func() { read, err = reader.Find(ctx, at, types...) })
	group.Wait()
	if missing != nil {
		return []Check{failed(about("manifest"), missing)}, nil
	}
	var checks []Check
	var found []finding
	for _, kind := range wanted {
		check, bundle := j.decide(about(kind.String()), kind, read, err)
		if checks = append(checks, check); bundle != nil {
			found = append(found, finding{kind, s, *bundle})
		}
	}
	return checks, found
}

// decide looks for one bundle that proves the claim, which it returns. Others
// that don't are no matter: whoever may write to a registry may add some.
func (j judge) decide(check Check, kind Kind, found evidence.Found, err error) (Check, *evidence.Bundle) {
	var why []error
	for _, b := range found.Bundles {
		if b.Statement.PredicateType != kind.PredicateType {
			continue
		}
		detail, err := j.proves(kind, b, check.Digest)
		if err != nil {
			why = append(why, err)
			continue
		}
		check.Time, check.Identity = &b.Time, cmp.Or(b.Identity.Subject, b.Identity.Key)
		seen := "at " + b.Time.Format(time.RFC3339)
		if b.LogIndex >= 0 { // GitHub's instance has no log
			check.LogIndex, seen = &b.LogIndex, fmt.Sprintf("log index %d", b.LogIndex)
		}
		return check.verified(strings.Join(append([]string{seen}, detail...), ", ")), &b
	}
	if err != nil {
		return failed(check, err), nil
	}
	why = append(why, found.Refused...)
	switch {
	case len(why) == 0 && kind == signed && len(found.Bundles) > 0:
		return check.refused("there is none: an attestation is no signature"), nil
	case len(why) == 0 && found.Entries == 0:
		return check.refused("there is none: the registry lists nothing that refers to it"), nil
	case len(why) == 0:
		return check.refused("there is none"), nil
	}
	if err := errors.Join(why...); errors.Is(err, ErrUndecided) {
		check.err = err
		return check.undecided(bounded(why)), nil
	}
	return check.refused("there is none that counts: " + bounded(why)), nil
}

// open is an error that decides nothing.
type open struct{ error }

func (o open) Unwrap() []error { return []error{ErrUndecided, o.error} }

// bounded joins the first of the errors.
func bounded(errs []error) string {
	const most = 3
	var texts []string
	for n, err := range errs {
		if n == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(errs)-most))
			break
		}
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

// proves returns what is to be said of a bundle that proves the claim of its
// kind about d, or why it doesn't.
func (j judge) proves(kind Kind, b evidence.Bundle, d image.Digest) (detail []string, err error) {
	if b.Identity.Key == "" { // a key says nothing of runs
		if err := j.expected.run(b.Source); err != nil {
			return nil, err
		}
	}
	switch {
	case kind.isSBOM():
		document, err := describes(b, d)
		if err != nil || j.catalogue == nil {
			return nil, err
		}
		return j.catalogue.compare(document)
	case kind.PredicateType == intoto.SLSAProvenance:
		return j.provenance(b)
	}
	return nil, nil
}

// describes checks that an attested SBOM says itself that it is about d.
func describes(b evidence.Bundle, d image.Digest) (evidence.Document, error) {
	document, err := evidence.ParseDocument(b.Statement.Predicate)
	if err != nil {
		return evidence.Document{}, err
	}
	if document.PredicateType != b.Statement.PredicateType {
		return evidence.Document{}, fmt.Errorf("an attestation of type %s holds a %s document", b.Statement.PredicateType, document.Format())
	}
	if document.Digest != d {
		return evidence.Document{}, fmt.Errorf("the attested %s document describes %s", document.Format(), document.Digest)
	}
	return document, nil
}

// provenance checks that a workflow's provenance names the very run that signed
// it. Whoever may sign can write anything into it; the certificate they can't.
func (j judge) provenance(b evidence.Bundle) ([]string, error) {
	p, err := intoto.ParseProvenance(b.Statement.Predicate)
	if err != nil {
		return nil, err
	}
	says := sigstore.Source{
		Repository: p.Repository, Ref: p.Ref, Commit: p.Commit,
		Workflow: p.Repository + "/" + p.Workflow + "@" + p.Ref, Builder: p.Builder, Invocation: p.Invocation,
	}
	if b.Identity.Key != "" {
		err = j.expected.run(says)
	} else {
		err = sameRun(says, b.Source)
	}
	return []string{fmt.Sprintf("commit %s of %s at %s", p.Commit, p.Repository, p.Ref)}, err
}

// sameRun compares what provenance says with what its certificate does. Neither
// need name the invocation.
func sameRun(says, certified sigstore.Source) error {
	for _, part := range []struct {
		name, says, certified string
		optional              bool
	}{
		{"repository", says.Repository, certified.Repository, false},
		{"ref", says.Ref, certified.Ref, false},
		{"commit", says.Commit, certified.Commit, false},
		{"workflow", says.Workflow, certified.Workflow, false},
		{"builder", says.Builder, certified.Builder, false},
		{"invocation", says.Invocation, certified.Invocation, true},
	} {
		if part.optional && (part.says == "" || part.certified == "") {
			continue
		}
		if part.says != part.certified {
			return fmt.Errorf("the provenance says that its %s is %q, and its certificate that it is %q", part.name, part.says, part.certified)
		}
	}
	return nil
}
