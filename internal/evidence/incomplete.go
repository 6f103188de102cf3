package evidence

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

// mostLacks bounds what an error lists.
const mostLacks = 20

// failure is why something is missing in a repository, or in all.
type failure struct {
	repo image.Repository
	err  error
}

// incompleteError says which digests lack what in which registries.
type incompleteError struct {
	message string
	cause   error
}

func (e *incompleteError) Error() string { return e.message }

func (e *incompleteError) Unwrap() error { return e.cause }

// incomplete returns an error that lists what is missing, of wanted pieces in all.
// Of the errors that are why the first of each repository is shown.
func (p Publisher) incomplete(claims []Claim, missing []lack, wanted int, why ...failure) error {
	var text strings.Builder
	fmt.Fprintf(&text, "attached %d of %d pieces of evidence", wanted-len(missing), wanted)
	shown := map[image.Repository]bool{}
	var errs []error
	for _, f := range why {
		errs = append(errs, f.err)
		if !shown[f.repo] {
			fmt.Fprintf(&text, "; %s", f.err)
		}
		shown[f.repo] = true
	}
	text.WriteString("\nmissing:")
	lines := p.lackLines(claims, missing)
	for n, line := range lines {
		if n == mostLacks {
			fmt.Fprintf(&text, "\n  and %d more", len(lines)-n)
			break
		}
		text.WriteString("\n  " + line)
	}
	return hint.Wrap(&incompleteError{text.String(), errors.Join(errs...)},
		"run the job again, as by \"gh run rerun --failed\": the step keeps what is done and adds only what is missing")
}

// lackLines returns a line for each digest in each registry, in order.
func (p Publisher) lackLines(claims []Claim, missing []lack) (lines []string) {
	var order []place
	what := map[place][]string{}
	for _, l := range missing {
		if what[l.place] == nil {
			order = append(order, l.place)
		}
		c := claims[l.claim]
		name := kindOf(c.Statement.PredicateType)
		if l.layout == Legacy {
			name += " under " + suffixOf(c.Statement.PredicateType)
		}
		what[l.place] = append(what[l.place], name)
	}
	for _, at := range order {
		lines = append(lines, fmt.Sprintf("%s: %s", p.name(at), strings.Join(what[at], ", ")))
	}
	return lines
}

// name returns the reference, with what it is where that is known.
func (p Publisher) name(at place) string {
	text := at.pinned().String()
	if n := slices.IndexFunc(p.Subjects, func(s Subject) bool { return s.Digest == at.digest }); n >= 0 {
		text += " " + p.Subjects[n].String()
	}
	return text
}

// kindOf names what statements of a type are, for people.
func kindOf(predicateType string) string {
	switch predicateType {
	case intoto.CosignSign:
		return "signature"
	case intoto.SPDX, intoto.CycloneDX:
		return Format(predicateType)
	case intoto.SLSAProvenance:
		return "provenance"
	}
	return predicateType
}
