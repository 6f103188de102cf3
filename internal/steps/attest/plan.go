package attest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
)

// files is what the step reads.
type files struct {
	documents []document
	reports   []report
	predicate json.RawMessage
	checksums []checksums
}

// read reads all files, and says what is wrong with each.
func read(cfg Config) (f files, err error) {
	var errs [4]error
	f.documents, errs[0] = readSBOMs(cfg.SBOMs)
	f.reports, errs[1] = readReports(cfg.Reports)
	f.checksums, errs[2] = readChecksums(cfg.Checksums)
	if cfg.PredicatePath != "" {
		f.predicate, errs[3] = readPredicate(cfg.PredicatePath)
	}
	return f, errors.Join(errs[:]...)
}

// sources is what the step asks for before it knows what to say.
type sources struct {
	subjects []evidence.Subject
	run      intoto.Provenance
	builds   []registry.BuildAttestation
}

// look asks at once for what the image is made of, and how.
func look(ctx context.Context, cfg Config, d Deps, p evidence.Publisher) (s sources, err error) {
	group, ctx := errgroup.WithContext(ctx)
	if len(cfg.Images) > 0 {
		group.Go(func() error {
			p.Warm(ctx, cfg.Images)
			return nil
		})
		group.Go(func() (err error) {
			s.subjects, err = evidence.Subjects(ctx, p.Registry, cfg.Images[0])
			return err
		})
	}
	if len(cfg.Images) > 0 && cfg.Provenance {
		group.Go(func() (err error) {
			s.builds, err = p.Registry.BuildAttestations(ctx, cfg.Images[0], intoto.SLSAProvenancePrefix)
			return err
		})
	}
	if cfg.Provenance {
		group.Go(func() (err error) {
			s.run, err = runProvenance(ctx, cfg, d)
			return err
		})
	}
	return s, group.Wait()
}

// plan returns what is to be said of the image, and of files by their checksums.
func plan(cfg Config, f files, s sources) (ofImage, ofFiles []attestation, err error) {
	if len(cfg.Images) > 0 {
		if ofImage, err = planImage(cfg, f, s); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range f.checksums {
		if cfg.Provenance {
			predicate, err := s.run.Predicate()
			if err != nil {
				return nil, nil, err
			}
			ofFiles = append(ofFiles, c.attestation(kindProvenance, intoto.SLSAProvenance, predicate))
		}
		if cfg.PredicatePath != "" {
			ofFiles = append(ofFiles, c.attestation(kindPredicate, cfg.PredicateType, f.predicate))
		}
	}
	if len(ofImage)+len(ofFiles) == 0 {
		return nil, nil, hint.New("no vulnerability report is about what \"subjects\" selects", "leave out \"subjects\", or give the report of what it selects")
	}
	return ofImage, ofFiles, nil
}

func planImage(cfg Config, f files, s sources) ([]attestation, error) {
	selected, err := cfg.Subjects.of(s.subjects)
	if err != nil {
		return nil, err
	}
	var all []attestation
	var sbomErr error
	if len(f.documents) > 0 {
		all, sbomErr = matchSBOMs(f.documents, s.subjects, selected)
	}
	reports, reportErr := matchReports(f.reports, s.subjects, selected)
	if err := errors.Join(sbomErr, reportErr); err != nil {
		return nil, err
	}
	all = append(all, reports...)
	for _, subject := range selected {
		if cfg.Provenance {
			provenance, err := s.of(subject)
			if err != nil {
				return nil, err
			}
			predicate, err := provenance.Predicate()
			if err != nil {
				return nil, err
			}
			all = append(all, ofDigest(subject.Digest, kindProvenance, intoto.SLSAProvenance, predicate))
		}
		if cfg.PredicatePath != "" {
			all = append(all, ofDigest(subject.Digest, kindPredicate, cfg.PredicateType, f.predicate))
		}
	}
	return all, nil
}

// within reports whether one of subjects has the digest.
func within(d image.Digest, subjects []evidence.Subject) bool {
	return slices.ContainsFunc(subjects, func(s evidence.Subject) bool { return s.Digest == d })
}
