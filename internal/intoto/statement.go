// Package intoto is the vocabulary of attestations: statements about digests,
// and the predicate types that name what they say.
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
package intoto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/org/release-actions/internal/image"
)

// Types of statements, which have the same fields. Only the first is written.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	// formerStatementType is what cosign attest still writes.
	// https://github.com/in-toto/attestation/blob/v0.1.0/spec/README.md#statement
	formerStatementType = "https://in-toto.io/Statement/v0.1"
)

// Predicate types: what a statement says of its subject.
const (
	// CosignSign is an image's signature, as cosign 3 writes it. Its predicate is
	// empty: that it was signed is all that it says.
	CosignSign = "https://sigstore.dev/cosign/sign/v1"
	// SPDX is an SPDX document. https://github.com/in-toto/attestation/blob/main/spec/predicates/spdx.md
	SPDX = "https://spdx.dev/Document"
	// CycloneDX is a CycloneDX BOM. https://github.com/in-toto/attestation/blob/main/spec/predicates/cyclonedx.md
	CycloneDX = "https://cyclonedx.org/bom"
	// Vulnerabilities is what a scanner found, as cosign has it.
	// https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md
	Vulnerabilities = "https://cosign.sigstore.dev/attestation/vuln/v1"
	// SLSAProvenance is a Provenance.
	SLSAProvenance = "https://slsa.dev/provenance/v1"
)

// Statement says something, its predicate, of the artifacts with its digests.
type Statement struct {
	Subject       []StatementSubject
	PredicateType string
	Predicate     json.RawMessage // an object
}

// StatementSubject names an artifact by its digests. (A subject in the sense
// of OCI is what a referrer points at.)
type StatementSubject struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"` // algorithm to hexadecimal digits
}

// New returns the statement that says predicate, a JSON object, of the
// artifact with digest d. As in those that cosign writes the subject has no
// name, so that one statement serves every registry that holds the artifact.
func New(d image.Digest, predicateType string, predicate json.RawMessage) Statement {
	return Statement{
		Subject:       []StatementSubject{{Digest: map[string]string{"sha256": d.Hex()}}},
		PredicateType: predicateType,
		Predicate:     predicate,
	}
}

// Signature returns the statement that an image's signature signs.
func Signature(d image.Digest) Statement { return New(d, CosignSign, json.RawMessage("{}")) }

// About reports whether d is among the statement's subjects.
func (s Statement) About(d image.Digest) bool {
	return slices.ContainsFunc(s.Subject, func(subject StatementSubject) bool {
		return d != "" && subject.Digest["sha256"] == d.Hex()
	})
}

// SamePredicate reports whether both statements say the same, whatever they
// say it of: predicate types are equal, and predicates are equal as JSON. For
// provenance it is enough to be of the same source, since every attempt of a
// run, by which nothing else is built, would have another one.
func (s Statement) SamePredicate(other Statement) bool {
	if s.PredicateType != other.PredicateType {
		return false
	}
	if s.PredicateType == SLSAProvenance {
		a, errA := ParseProvenance(s.Predicate)
		b, errB := ParseProvenance(other.Predicate)
		if errA == nil && errB == nil {
			return a.SameSource(b)
		}
	}
	a, errA := canonical(s.Predicate)
	b, errB := canonical(other.Predicate)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// statement is the order of the fields in JSON.
type statement struct {
	Type          string             `json:"_type"`
	Subject       []StatementSubject `json:"subject"`
	PredicateType string             `json:"predicateType"`
	Predicate     json.RawMessage    `json:"predicate"`
}

// Marshal returns the statement as compact JSON; equal statements give equal
// bytes. The predicate keeps the order of its names and the digits of its
// numbers.
func (s Statement) Marshal() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var predicate, out bytes.Buffer
	if err := json.Compact(&predicate, s.Predicate); err != nil {
		return nil, fmt.Errorf("predicate: %w", err)
	}
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(statement{Type: StatementType, Subject: s.Subject, PredicateType: s.PredicateType, Predicate: predicate.Bytes()})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// Parse reads a statement. Whatever two readers could understand differently is
// an error: names that are there twice or in other letters, unknown ones, text
// behind the end, digests in other forms.
func Parse(data []byte) (Statement, error) {
	s, err := parse(data)
	if err != nil {
		return Statement{}, fmt.Errorf("in-toto statement: %w", err)
	}
	return s, nil
}

func parse(data []byte) (Statement, error) {
	if err := Unambiguous(data); err != nil {
		return Statement{}, err
	}
	fields, err := object(data, "_type", "subject", "predicateType", "predicate")
	if err != nil {
		return Statement{}, err
	}
	var s Statement
	var kind string
	var subjects []json.RawMessage
	for name, into := range map[string]any{"_type": &kind, "subject": &subjects, "predicateType": &s.PredicateType, "predicate": &s.Predicate} {
		if err := json.Unmarshal(fields[name], into); err != nil {
			return Statement{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	if kind != StatementType && kind != formerStatementType {
		return Statement{}, fmt.Errorf("its type is %q, not %q", kind, StatementType)
	}
	for _, raw := range subjects {
		subject, err := parseSubject(raw)
		if err != nil {
			return Statement{}, fmt.Errorf("subject: %w", err)
		}
		s.Subject = append(s.Subject, subject)
	}
	return s, s.check()
}

// parseSubject allows the fields of a resource descriptor.
// https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
func parseSubject(raw json.RawMessage) (StatementSubject, error) {
	fields, err := object(raw, "digest", "?name", "?uri", "?content", "?downloadLocation", "?mediaType", "?annotations")
	if err != nil {
		return StatementSubject{}, err
	}
	var s StatementSubject
	if name, ok := fields["name"]; ok {
		if err := json.Unmarshal(name, &s.Name); err != nil {
			return StatementSubject{}, fmt.Errorf("name: %w", err)
		}
	}
	if err := json.Unmarshal(fields["digest"], &s.Digest); err != nil {
		return StatementSubject{}, fmt.Errorf("digest: %w", err)
	}
	return s, nil
}

// check holds what is written to the same rules as what is read.
func (s Statement) check() error {
	if len(s.Subject) == 0 {
		return errors.New("it has no subject")
	}
	for _, subject := range s.Subject {
		if len(subject.Digest) == 0 {
			return fmt.Errorf("subject %q has no digest", subject.Name)
		}
		if hex, ok := subject.Digest["sha256"]; ok {
			if _, err := image.ParseDigest("sha256:" + hex); err != nil {
				return err
			}
		}
	}
	if s.PredicateType == "" {
		return errors.New("it has no predicate type")
	}
	if p := bytes.TrimSpace(s.Predicate); len(p) == 0 || p[0] != '{' {
		return errors.New("its predicate is not an object")
	}
	return nil
}

// object reads a JSON object that has exactly the names given, of which those
// with a question mark may be missing.
func object(data []byte, names ...string) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	unknown := maps.Clone(fields)
	for _, name := range names {
		optional := name[0] == '?'
		if optional {
			name = name[1:]
		}
		if _, ok := fields[name]; !ok && !optional {
			return nil, fmt.Errorf("it has no %q", name)
		}
		delete(unknown, name)
	}
	for name := range unknown {
		return nil, fmt.Errorf("%q is not a field of it", name)
	}
	return fields, nil
}

// Unambiguous checks that data is one JSON value in which no object has a name
// twice: readers differ in which of the two they take. Nor may it be nested
// deeper than anything that people have to say.
func Unambiguous(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := walk(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text behind the end of the JSON value")
	}
	return nil
}

// maxDepth bounds how deep values are nested, since a goroutine whose stack is
// full ends the program.
const maxDepth = 1000

func walk(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("it is nested deeper than %d values", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return noEOF(err)
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	names := map[string]bool{}
	for d.More() {
		if open == '{' {
			token, err := d.Token()
			if err != nil {
				return noEOF(err)
			}
			name, _ := token.(string)
			if names[name] {
				return fmt.Errorf("the name %q is there twice", name)
			}
			names[name] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return noEOF(err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// canonical sorts names and keeps the digits of numbers.
func canonical(data []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
