package attest

import (
	"errors"
	"fmt"
	"os"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

// document is an SBOM and where it is from.
type document struct {
	path string
	evidence.Document
}

// readSBOMs parses all files, and says what is wrong with each.
func readSBOMs(paths []string) ([]document, error) {
	var documents []document
	var errs []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("input \"sboms\": %w", err))
			continue
		}
		parsed, err := evidence.ParseDocument(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("SBOM %q: %w", path, err))
			continue
		}
		documents = append(documents, document{path, parsed})
	}
	return documents, hint.Wrap(errors.Join(errs...), "give the files that the sbom step writes, as its output \"files\" has them")
}

// formats are those that every subject has a document in.
var formats = []struct{ kind, predicateType string }{{kindSPDX, intoto.SPDX}, {kindCycloneDX, intoto.CycloneDX}}

// matchSBOMs makes a statement of each document, and sees to it that every one of
// the selected subjects has one in both formats, and none is about anything else.
func matchSBOMs(documents []document, subjects, selected []evidence.Subject) ([]attestation, error) {
	type slot struct {
		digest        image.Digest
		predicateType string
	}
	byslot := map[slot]document{}
	var errs []error
	for _, d := range documents {
		at := slot{d.Digest, d.PredicateType}
		if before, ok := byslot[at]; ok {
			errs = append(errs, fmt.Errorf("SBOMs %q and %q are both the %s document of %s", before.path, d.path, d.Format(), d.Digest))
		}
		byslot[at] = d
		if !within(d.Digest, subjects) {
			errs = append(errs, fmt.Errorf("SBOM %q describes %s, which is neither the image nor one of its platforms", d.path, d.Digest))
		}
	}
	var attestations []attestation
	for _, s := range selected {
		for _, format := range formats {
			d, ok := byslot[slot{s.Digest, format.predicateType}]
			if !ok {
				errs = append(errs, fmt.Errorf("no %s document describes %s, %s", evidence.Format(format.predicateType), s, s.Digest))
				continue
			}
			attestations = append(attestations, ofDigest(s.Digest, format.kind, format.predicateType, d.Text))
		}
	}
	return attestations, hint.Wrap(errors.Join(errs...), "give the files that the sbom step wrote for this very image")
}
