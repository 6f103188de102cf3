package attest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

// maxPredicate is the largest predicate that GitHub takes, in bytes.
const maxPredicate = 16 << 20

// validType checks a predicate type: a URI, and none that has another way in.
func validType(predicateType string) error {
	var mend string
	switch predicateType {
	case "":
		return nil
	case intoto.CosignSign:
		mend = "sign the image with the sign step"
	case intoto.SPDX, intoto.CycloneDX:
		mend = "give the documents in \"sboms\", which finds out what each of them describes"
	default:
		if u, err := url.Parse(predicateType); err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "") {
			return nil
		}
		return hint.Wrap(fmt.Errorf("input \"predicate-type\": %q is not a URI", predicateType), "write it as in \"https://example.com/review/v1\"")
	}
	return hint.Wrap(fmt.Errorf("input \"predicate-type\": %q is not for a predicate of one's own", predicateType), "%s", mend)
}

// readPredicate reads a predicate, a JSON object.
func readPredicate(path string) (json.RawMessage, error) {
	text, err := readFile(path, maxPredicate)
	if err == nil {
		err = intoto.Unambiguous(text)
	}
	if err == nil && !strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		err = errors.New("it is not a JSON object")
	}
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("predicate %q: %w", path, err), "give a file with one JSON object, without the statement around it")
	}
	return text, nil
}

// report is what a scanner found in an image, and the image's digest, "" where
// the report doesn't tell.
type report struct {
	path   string
	digest image.Digest
	text   json.RawMessage
}

// readReports parses all files, and says what is wrong with each.
func readReports(paths []string) ([]report, error) {
	var reports []report
	var errs []error
	for _, path := range paths {
		text, err := readPredicate(path)
		var digest image.Digest
		if err == nil {
			digest, err = scanned(text)
			err = hint.Wrap(err, "give what \"trivy image --format cosign-vuln\" writes")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("vulnerability report %q: %w", path, err))
			continue
		}
		reports = append(reports, report{path, digest, text})
	}
	return reports, errors.Join(errs...)
}

// scanned returns the digest of the image that a predicate of cosign's is about.
// That is nowhere but in the report of the scanner inside of it: of Trivy's, the
// name of the artifact that was scanned, or the digests that it has.
//
// https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md
func scanned(text json.RawMessage) (image.Digest, error) {
	var predicate struct {
		Scanner *struct {
			Result struct {
				ArtifactName string
				Metadata     struct{ RepoDigests []string }
			} `json:"result"`
		} `json:"scanner"`
		Metadata *struct{} `json:"metadata"`
	}
	if err := json.Unmarshal(text, &predicate); err != nil {
		return "", fmt.Errorf("not a vulnerability report: %w", err)
	}
	if predicate.Scanner == nil || predicate.Metadata == nil {
		return "", errors.New("not a vulnerability report: it has no \"scanner\" or no \"metadata\"")
	}
	names := append([]string{predicate.Scanner.Result.ArtifactName}, predicate.Scanner.Result.Metadata.RepoDigests...)
	for _, name := range names {
		if _, digest, ok := strings.Cut(name, "@"); ok {
			d, err := image.ParseDigest(digest)
			if err != nil {
				return "", fmt.Errorf("it is about %q: %w", name, err)
			}
			return d, nil
		}
	}
	return "", nil
}

// matchReports makes a statement of each report about one of the selected
// subjects, and sees to it that none is about anything else.
func matchReports(reports []report, subjects, selected []evidence.Subject) ([]attestation, error) {
	var attestations []attestation
	var errs []error
	paths := map[image.Digest]string{}
	for _, r := range reports {
		if r.digest == "" && len(selected) == 1 {
			r.digest = selected[0].Digest
		}
		switch before, twice := paths[r.digest]; {
		case r.digest == "":
			errs = append(errs, hint.Wrap(fmt.Errorf("vulnerability report %q doesn't tell which image it is about", r.path),
				"scan the image by its digest, or say by \"subjects\" which one it is"))
		case !within(r.digest, subjects):
			errs = append(errs, hint.Wrap(fmt.Errorf("vulnerability report %q is about %s, which is neither the image nor one of its platforms", r.path, r.digest),
				"give reports of this very image"))
		case twice:
			errs = append(errs, hint.Wrap(fmt.Errorf("vulnerability reports %q and %q are both about %s", before, r.path, r.digest), "give one of them"))
		case within(r.digest, selected):
			attestations = append(attestations, ofDigest(r.digest, kindReport, intoto.Vulnerabilities, r.text))
		}
		paths[r.digest] = r.path
	}
	return attestations, errors.Join(errs...)
}
