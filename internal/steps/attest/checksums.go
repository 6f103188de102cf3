package attest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
)

const (
	// maxSubjects is how many subjects GitHub takes in one attestation.
	//
	// https://docs.github.com/actions/how-tos/secure-your-work/use-artifact-attestations/use-artifact-attestations
	maxSubjects = 1024
	// maxChecksums bounds a file of checksums, in bytes.
	maxChecksums = 1 << 20
)

// checksums is a file in the format of sha256sum: what it is called, and the
// files that it lists.
type checksums struct {
	name     string
	subjects []intoto.StatementSubject
}

// attestation says a predicate of all files in one statement.
func (c checksums) attestation(kind, predicateType string, predicate json.RawMessage) attestation {
	first := image.Digest("sha256:" + c.subjects[0].Digest["sha256"])
	statement := intoto.Statement{Subject: c.subjects, PredicateType: predicateType, Predicate: predicate}
	return attestation{evidence.Claim{Digest: first, Statement: statement}, c.name + "." + kind + ".sigstore.json"}
}

// readChecksums parses all files, and says what is wrong with each.
func readChecksums(paths []string) ([]checksums, error) {
	var all []checksums
	var errs []error
	named := map[string]string{}
	for _, path := range paths {
		text, err := readFile(path, maxChecksums)
		if err != nil {
			errs = append(errs, fmt.Errorf("input \"checksums\": %w", err))
			continue
		}
		subjects, err := parseChecksums(string(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("checksums %q: %w", path, err))
			continue
		}
		name := filepath.Base(path)
		if before, ok := named[name]; ok {
			errs = append(errs, hint.Wrap(fmt.Errorf("checksums %q and %q have one name, by which their bundles are saved", before, path), "give them different names"))
		}
		named[name] = path
		all = append(all, checksums{name, subjects})
	}
	return all, errors.Join(errs...)
}

// line is one of GNU sha256sum's: digits, a blank, a blank or an asterisk, name.
var line = regexp.MustCompile(`^([0-9a-fA-F]{64}) [ *](.+)$`)

// parseChecksums reads what sha256sum writes.
//
// https://www.gnu.org/software/coreutils/manual/html_node/cksum-common-options.html
func parseChecksums(text string) ([]intoto.StatementSubject, error) {
	var subjects []intoto.StatementSubject
	seen := map[string]bool{}
	n := 0
	for text := range strings.Lines(text) {
		n++
		text = strings.TrimRight(text, "\r\n")
		if text == "" {
			continue
		}
		found := line.FindStringSubmatch(text)
		if found == nil {
			return nil, hint.Wrap(fmt.Errorf("line %d is not a SHA-256 checksum and a name", n), "write the file with \"sha256sum FILES > checksums.txt\"")
		}
		digest, name := strings.ToLower(found[1]), found[2]
		if seen[name] {
			return nil, hint.Wrap(fmt.Errorf("line %d names %q again", n, name), "list each file once")
		}
		seen[name] = true
		subjects = append(subjects, intoto.StatementSubject{Name: name, Digest: map[string]string{"sha256": digest}})
	}
	if len(subjects) == 0 {
		return nil, hint.New("it is empty", "write the file with \"sha256sum FILES > checksums.txt\"")
	}
	if len(subjects) > maxSubjects {
		return nil, hint.Wrap(fmt.Errorf("it lists %d files, more than the %d that GitHub takes in one attestation", len(subjects), maxSubjects), "split it")
	}
	return subjects, nil
}

// readFile reads a file of limit bytes at most.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%q has %d bytes, more than %d MiB", path, info.Size(), limit>>20)
	}
	return os.ReadFile(path)
}
