package attest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/sigstore"
)

// listings bounds the requests to GitHub at once.
const listings = 4

// store is what GitHub keeps for the repository. Without a client it is empty
// and takes nothing.
type store struct {
	client   *ghapi.Client
	verifier *sigstore.Verifier
	identity sigstore.Identity
	found    map[image.Digest][]evidence.Bundle
}

// fits returns an error for what GitHub wouldn't take.
func (s *store) fits(attestations []attestation) error {
	if s.client == nil {
		return nil
	}
	var errs []error
	for _, a := range attestations {
		if size := len(a.Statement.Predicate); size > maxPredicate {
			errs = append(errs, fmt.Errorf("the predicate of %q has %d bytes, and GitHub takes %d MiB at most", a.file, size, maxPredicate>>20))
		}
	}
	return hint.Wrap(errors.Join(errs...), "leave out \"push-to-github\": registries take it")
}

// look reads what GitHub has about the digests of claims, by the job's identity.
func (s *store) look(ctx context.Context, claims []evidence.Claim) error {
	if s.client == nil {
		return nil
	}
	s.found = map[image.Digest][]evidence.Bundle{}
	var digests []image.Digest
	for _, c := range claims {
		if _, ok := s.found[c.Digest]; !ok {
			s.found[c.Digest] = nil
			digests = append(digests, c.Digest)
		}
	}
	read := make([][]evidence.Bundle, len(digests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(listings)
	for n, d := range digests {
		group.Go(func() (err error) {
			read[n], err = s.list(ctx, d)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for n, d := range digests {
		s.found[d] = read[n]
	}
	return nil
}

func (s *store) list(ctx context.Context, d image.Digest) ([]evidence.Bundle, error) {
	kept, err := s.client.Attestations(ctx, string(d))
	if err != nil {
		return nil, err
	}
	var bundles []evidence.Bundle
	for _, content := range kept {
		// Others may attest the same artifact.
		if bundle, err := evidence.Check(s.verifier, content, d, s.identity); err == nil {
			bundles = append(bundles, bundle)
		}
	}
	return bundles, nil
}

// find returns a bundle that says what the claim says, of just the same.
func (s *store) find(c evidence.Claim) (evidence.Bundle, bool) {
	for _, b := range s.found[c.Digest] {
		if b.Statement.SamePredicate(c.Statement) && reflect.DeepEqual(b.Statement.Subject, c.Statement.Subject) {
			return b, true
		}
	}
	return evidence.Bundle{}, false
}

// add gives GitHub the bundles that it lacks, one after the other, as it asks
// those to do who create things.
//
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
func (s *store) add(ctx context.Context, log *slog.Logger, claims []evidence.Claim, bundles []evidence.Bundle) error {
	if s.client == nil {
		return nil
	}
	for n, c := range claims {
		if _, ok := s.find(c); ok {
			log.Info("kept at GitHub", "digest", string(c.Digest), "predicate", c.Statement.PredicateType)
			continue
		}
		id, err := s.client.CreateAttestation(ctx, bundles[n].Content)
		if errors.Is(err, ghapi.ErrUnavailable) && s.arrived(ctx, c) {
			continue
		}
		if err != nil {
			return hint.Wrap(fmt.Errorf("GitHub has %d of %d attestations: %w", n, len(claims), err),
				"run the job again: it adds only what is missing")
		}
		log.Info("given to GitHub", "digest", string(c.Digest), "predicate", c.Statement.PredicateType, "id", id)
	}
	return nil
}

// arrived reports whether GitHub has a bundle for the claim after all: only its
// answer was lost.
func (s *store) arrived(ctx context.Context, c evidence.Claim) bool {
	bundles, err := s.list(ctx, c.Digest)
	if err != nil {
		return false
	}
	s.found[c.Digest] = bundles
	_, ok := s.find(c)
	return ok
}
