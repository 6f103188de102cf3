// Package sign signs an image, keyless, with the identity of the job: its index
// and the image of each platform, each by one signature that every registry gets.
package sign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// Config is the step's inputs.
type Config struct {
	Images    []image.Pinned `input:"images,required"` // one image, in each of its registries
	OutputDir string         `input:"output-dir"`
	RetryFor  time.Duration  `input:"retry-for"`
	Layouts   evidence.Layouts
	Sigstore  sigstore.Instance
	Registry  registry.Credentials
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	return errors.Join(image.SameDigest(c.Images), c.Sigstore.Validate(), c.Layouts.Check(c.Sigstore), c.Registry.Validate())
}

// Deps is what the step works with.
type Deps struct {
	evidence.Publisher
	// TempDir is where the bundles go without an output directory.
	TempDir string
}

// Result is the step's outputs.
type Result struct {
	Bundles  []string `output:"bundles"` // files, DIGEST.sigstore.json, of the index first
	Identity string   `output:"certificate-identity"`
	Issuer   string   `output:"certificate-oidc-issuer"`
}

// Run signs what is not signed yet. A second run finds the signatures of the
// first, and adds them where they are missing.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	var early sync.WaitGroup
	early.Go(func() { d.Warm(ctx, cfg.Images) })
	subjects, err := evidence.Subjects(ctx, d.Registry, cfg.Images[0])
	early.Wait()
	if err != nil {
		return Result{}, err
	}
	var claims []evidence.Claim
	for _, s := range subjects {
		claims = append(claims, evidence.Claim{Digest: s.Digest, Statement: intoto.Signature(s.Digest)})
	}
	d.Layouts, d.Subjects = cfg.Layouts, subjects
	bundles, err := d.Publish(ctx, image.Repositories(cfg.Images), claims)
	if err != nil {
		return Result{}, err
	}
	result := Result{Identity: bundles[0].Identity.Subject, Issuer: bundles[0].Identity.Issuer}
	result.Bundles, err = evidence.Save(cmp.Or(cfg.OutputDir, filepath.Join(d.TempDir, "bundles")), bundles, func(n int) string { return claims[n].Digest.Hex() + ".sigstore.json" })
	if err != nil {
		return result, fmt.Errorf("the image is signed: %w", err)
	}
	return result, nil
}
