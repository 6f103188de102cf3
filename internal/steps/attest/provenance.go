package attest

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
)

// runProvenance is the provenance of what this run makes, as its token says.
func runProvenance(ctx context.Context, token sigstore.TokenSource) (intoto.Provenance, error) {
	var run intoto.Run
	var provenance intoto.Provenance
	job, err := sigstore.JobClaims(ctx, token, &run)
	if err == nil {
		run.Server = job.Server
		provenance, err = intoto.NewProvenance(run)
	}
	return provenance, hint.Wrap(err, "provenance tells what a job of GitHub Actions built: without one, set \"build-provenance: false\"")
}

// of adds to the run's provenance what BuildKit says went into an image: its
// materials, and by its digest the statement that they are from. The index is
// made of all images.
func (s sources) of(subject evidence.Subject) (intoto.Provenance, error) {
	p := s.run
	p.Materials = slices.Clone(p.Materials)
	for _, a := range s.builds {
		n := slices.IndexFunc(s.subjects, func(s evidence.Subject) bool { return s.Digest == a.Image })
		if n < 0 || len(subject.Platforms) > 0 && a.Image != subject.Digest {
			continue
		}
		materials, err := intoto.Materials(a.Statement)
		if err != nil {
			return intoto.Provenance{}, fmt.Errorf("BuildKit's attestation %s of %s: %w", a.Digest, s.subjects[n], err)
		}
		for _, m := range materials {
			if !slices.ContainsFunc(p.Materials, func(r intoto.Resource) bool { return reflect.DeepEqual(r, m) }) {
				p.Materials = append(p.Materials, m)
			}
		}
		p.Byproducts = append(p.Byproducts, intoto.Resource{
			Name: "BuildKit's provenance of " + s.subjects[n].String(), Digest: map[string]string{"sha256": a.Digest.Hex()}, MediaType: a.MediaType,
		})
	}
	return p, nil
}
