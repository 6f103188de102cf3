package verify

import (
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/intoto"
)

// Kind is what an attestation says, by its predicate type. Its zero value,
// written "none", is no attestation.
type Kind struct{ PredicateType string }

// signed is the claim that somebody signed the image, beside all attestations.
var signed = Kind{intoto.CosignSign}

// kinds are those that have names, which cosign has, too.
var kinds = []struct{ name, claim, predicateType string }{
	{"none", "", ""},
	{"spdx", "SPDX", intoto.SPDX},
	{"cyclonedx", "CycloneDX", intoto.CycloneDX},
	{"provenance", "provenance", intoto.SLSAProvenance},
	{"vuln", "vulnerabilities", intoto.Vulnerabilities},
}

// UnmarshalText parses a name, or the URI of a predicate type.
func (k *Kind) UnmarshalText(text []byte) error {
	name := string(text)
	for _, known := range kinds {
		if name == known.name {
			k.PredicateType = known.predicateType
			return nil
		}
	}
	if !strings.Contains(name, "://") {
		return hint.Wrap(fmt.Errorf("%q is not a type of attestations", name),
			"write spdx, cyclonedx, provenance, vuln or the URI of a predicate type; none, for signatures alone")
	}
	k.PredicateType = name
	return nil
}

// String returns the claim in words, or the URI.
func (k Kind) String() string {
	if k == signed {
		return "signature"
	}
	for _, known := range kinds {
		if k.PredicateType == known.predicateType {
			return known.claim
		}
	}
	return k.PredicateType
}

// isSBOM reports whether it is one of the SBOMs.
func (k Kind) isSBOM() bool {
	return k.PredicateType == intoto.SPDX || k.PredicateType == intoto.CycloneDX
}

// file returns the name of the file for the attestation of a platform's slug or
// "index", as the sbom step names them; "" where nobody asks for a file.
func (k Kind) file(of string) string {
	switch k.PredicateType {
	case intoto.SPDX:
		return "sbom-" + of + ".spdx.json"
	case intoto.CycloneDX:
		return "sbom-" + of + ".cdx.json"
	case intoto.SLSAProvenance:
		return "provenance-" + of + ".json"
	}
	return ""
}
