// Package attest attaches SBOMs to an image, signed with the identity of the
// job: an SPDX and a CycloneDX document to its index and to the image of each
// platform, the same in every registry.
package attest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// Config is the step's inputs.
type Config struct {
	Images    []image.Pinned `input:"images,required"` // one image, in each of its registries
	SBOMs     []string       `input:"sboms,required"`  // files
	OutputDir string         `input:"output-dir"`
	RetryFor  time.Duration  `input:"retry-for"`
	Layouts   evidence.Layouts
	Sigstore  sigstore.Instance
	Registry  registry.Credentials
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	return errors.Join(image.SameDigest(c.Images), c.Sigstore.Validate(), c.Registry.Validate())
}

// Deps is what the step works with.
type Deps struct {
	evidence.Publisher
	// TempDir is where the bundles go without an output directory.
	TempDir string
}

// Result is the step's outputs.
type Result struct {
	Bundles  []string `output:"bundles"` // files, DIGEST.spdx.sigstore.json and DIGEST.cdx.sigstore.json
	Identity string   `output:"certificate-identity"`
	Issuer   string   `output:"certificate-oidc-issuer"`
}

// extensions of the bundles' files.
var extensions = map[string]string{intoto.SPDX: ".spdx.sigstore.json", intoto.CycloneDX: ".cdx.sigstore.json"}

// Run attests what is not attested yet. A second run with the same documents
// finds the attestations of the first, and adds them where they are missing.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	documents, err := read(cfg.SBOMs)
	if err != nil {
		return Result{}, err
	}
	subjects, err := evidence.Subjects(ctx, d.Registry, cfg.Images[0])
	if err != nil {
		return Result{}, err
	}
	claims, err := match(documents, subjects)
	if err != nil {
		return Result{}, err
	}
	d.Layouts = cfg.Layouts
	bundles, err := d.Publish(ctx, image.Repositories(cfg.Images), claims)
	if err != nil {
		return Result{}, err
	}
	result := Result{Identity: bundles[0].Identity.Subject, Issuer: bundles[0].Identity.Issuer}
	result.Bundles, err = evidence.Save(cmp.Or(cfg.OutputDir, filepath.Join(d.TempDir, "bundles")), bundles, func(n int) string {
		return claims[n].Digest.Hex() + extensions[claims[n].Statement.PredicateType]
	})
	if err != nil {
		return result, fmt.Errorf("the SBOMs are attested: %w", err)
	}
	return result, nil
}

// file is a document and where it is from.
type file struct {
	path string
	evidence.Document
}

// read parses all files, and says what is wrong with each.
func read(paths []string) ([]file, error) {
	var files []file
	var errs []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("input \"sboms\": %w", err))
			continue
		}
		document, err := evidence.ParseDocument(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("SBOM %q: %w", path, err))
			continue
		}
		files = append(files, file{path, document})
	}
	return files, hint.Wrap(errors.Join(errs...), "give the files that the sbom step writes, as its output \"files\" has them")
}

// match makes a claim of each document, and sees to it that every subject has
// one in both formats, and none is about anything else.
func match(files []file, subjects []evidence.Subject) ([]evidence.Claim, error) {
	type slot struct {
		digest        image.Digest
		predicateType string
	}
	byslot := map[slot]file{}
	var errs []error
	for _, f := range files {
		at := slot{f.Digest, f.PredicateType}
		if before, ok := byslot[at]; ok {
			errs = append(errs, fmt.Errorf("SBOMs %q and %q are both the %s document of %s", before.path, f.path, f.Format(), f.Digest))
		}
		byslot[at] = f
	}
	var claims []evidence.Claim
	for _, s := range subjects {
		for _, predicateType := range []string{intoto.SPDX, intoto.CycloneDX} {
			at := slot{s.Digest, predicateType}
			f, ok := byslot[at]
			if !ok {
				errs = append(errs, fmt.Errorf("no %s document describes %s, %s", evidence.Format(predicateType), s, s.Digest))
				continue
			}
			delete(byslot, at)
			claims = append(claims, evidence.Claim{Digest: s.Digest, Of: s.String(), Statement: intoto.New(s.Digest, predicateType, f.Text)})
		}
	}
	for _, f := range files {
		if _, left := byslot[slot{f.Digest, f.PredicateType}]; left {
			errs = append(errs, fmt.Errorf("SBOM %q describes %s, which is neither the image nor one of its platforms", f.path, f.Digest))
		}
	}
	return claims, hint.Wrap(errors.Join(errs...), "give the files that the sbom step wrote for this very image")
}
