package intoto

import (
	"encoding/json"
	"fmt"
)

// slsaProvenance02 is the predicate type of version 0.2.
const slsaProvenance02 = "https://slsa.dev/provenance/v0.2"

// SLSAProvenancePrefix starts the predicate types of SLSA provenance of every version.
const SLSAProvenancePrefix = "https://slsa.dev/provenance/"

// Materials returns what went into an artifact, by a statement of SLSA
// provenance of version 0.2 or 1 by any builder: of its materials those that
// have a digest. Versions that aren't known are an error.
//
// https://slsa.dev/spec/v0.2/provenance
func Materials(statement []byte) ([]Resource, error) {
	found, err := materials(statement)
	if err != nil {
		return nil, fmt.Errorf("provenance of the build: %w", err)
	}
	return found, nil
}

func materials(statement []byte) ([]Resource, error) {
	if err := Unambiguous(statement); err != nil {
		return nil, err
	}
	var predicateType string
	if err := fields(statement, map[string]any{"predicateType": &predicateType}); err != nil {
		return nil, err
	}
	var path string
	switch predicateType {
	case SLSAProvenance:
		path = "?predicate.buildDefinition.resolvedDependencies"
	case slsaProvenance02:
		path = "?predicate.materials"
	default:
		return nil, fmt.Errorf("its predicate type is %q, which is not known", predicateType)
	}
	var list []json.RawMessage
	if err := fields(statement, map[string]any{path: &list}); err != nil {
		return nil, err
	}
	all, err := parseResources(list)
	if err != nil {
		return nil, err
	}
	var fixed []Resource
	for _, r := range all {
		if len(r.Digest) > 0 {
			fixed = append(fixed, r)
		}
	}
	return fixed, nil
}
