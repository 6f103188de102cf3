package buildpush

import (
	"slices"
	"strconv"
	"strings"
)

// Attestations holds the inputs for what BuildKit attests of a build.
//
// https://docs.docker.com/build/metadata/attestations/
type Attestations struct {
	Provenance string `input:"provenance"`
	SBOM       string `input:"sbom"`
	Attests    Lines  `input:"attests"`
}

// defaultProvenance is recorded of public repositories; a private one's names
// no build arguments or sources. Both are SLSA v1, which policy engines ask for.
const (
	defaultProvenance = "mode=max,version=v1"
	privateProvenance = "mode=min,version=v1,inline-only=true"
)

// options returns the flags for attestations, as docker/build-push-action
// chooses them: provenance by default unless a Docker engine gets the image,
// and the inputs provenance and sbom take the place of entries of their type.
func (a Attestations) options(from origin, toDocker bool) []option {
	provenance := a.Provenance
	attested := slices.ContainsFunc(a.Attests, func(entry string) bool { return attribute(entry, "type") == "provenance" })
	if provenance == "" && !attested && !toDocker {
		provenance = defaultProvenance
		if from.private() {
			provenance = privateProvenance
		}
	}
	var attests []string
	for _, entry := range a.Attests {
		switch attribute(entry, "type") {
		case "provenance":
			if a.Provenance == "" {
				attests = append(attests, withBuilder(entry, from.builderID()))
			}
		case "sbom":
			if a.SBOM == "" {
				attests = append(attests, entry)
			}
		default:
			attests = append(attests, entry)
		}
	}
	return []option{
		{"--provenance", one(withBuilder(provenance, from.builderID()))},
		{"--sbom", one(a.SBOM)},
		{"--attest", attests},
	}
}

// withBuilder adds to provenance parameters the run that builds, which
// verifiers of SLSA provenance ask for.
func withBuilder(parameters, builderID string) string {
	if parameters == "" || builderID == "" || strings.Contains(parameters, "builder-id=") {
		return parameters
	}
	if wanted, err := strconv.ParseBool(parameters); err == nil {
		if !wanted {
			return parameters
		}
		return fields("builder-id=" + builderID)
	}
	return parameters + "," + fields("builder-id="+builderID)
}
