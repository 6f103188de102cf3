// Package scan looks for vulnerabilities in an image, with Trivy, on each of
// its platforms: in the images themselves, or in the documents that the sbom
// step made of them. It tells people and GitHub's code scanning what it found,
// and is the gate that a release must pass before any tag moves.
package scan

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/outdir"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/trivy"
)

// atOnce bounds the scans at the same time: each has an image's packages, and
// one layer, in memory.
const atOnce = 3

// Config are the inputs of the step.
type Config struct {
	// Images name one digest in several repositories. The first is scanned.
	Images []image.Pinned `input:"images,arg"`
	Source Source         `input:"source"`
	SBOMs  []string       `input:"sboms"` // files

	Trivy       trivy.Config
	Select      trivy.Selection
	IgnoreFiles []string `input:"trivyignores,comma"`

	FailOn    *trivy.Severity `input:"fail-on"` // no gate where nil
	OnlyFixed bool            `input:"only-fixed"`
	CompareTo string          `input:"compare-to"` // a tag, a digest or a reference

	Upload    Upload        `input:"upload"`
	Category  string        `input:"category"`
	Merge     bool          `input:"merge-sarif"`
	OutputDir string        `input:"output-dir"`
	RetryFor  time.Duration `input:"retry-for"`
	Registry  registry.Credentials
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	errs := []error{image.SameDigest(c.Images), c.Select.Validate(), c.Registry.Validate()}
	switch {
	case len(c.Images) == 0 && len(c.SBOMs) == 0:
		errs = append(errs, hint.New("neither input \"images\" nor \"sboms\" says what to scan",
			"give the output \"images\" of build-push, or the output \"files\" of sbom where the image isn't pushed"))
	case c.Source == sourceSBOM && len(c.SBOMs) == 0:
		errs = append(errs, hint.New("input \"source\" is sbom, and there are no \"sboms\"", "give the output \"files\" of the sbom step"))
	}
	if c.comparable() {
		_, err := c.earlier()
		errs = append(errs, err)
	}
	if c.FailOn != nil && len(c.Select.Severities) > 0 {
		for s := *c.FailOn; s <= trivy.Critical; s++ {
			if !slices.Contains(c.Select.Severities, s) {
				errs = append(errs, hint.Wrap(fmt.Errorf("input \"fail-on\" is %s, and \"severity\" leaves out %s", *c.FailOn, s),
					"add %s to \"severity\", or leave that input out", s))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Deps are what the step works with.
type Deps struct {
	Registry *registry.Client
	// Trivy is how to find and run it; inputs and logins are the step's own.
	Trivy trivy.Options
	// GitHub is code scanning's API; nil outside of a workflow.
	GitHub  *ghapi.Client
	Job     job.Job // what the workflow runs for
	TempDir string
	Log     *slog.Logger
	Now     func() time.Time
}

// Run scans every platform, writes what was found, uploads it, and then lets
// the gate decide: the result is whole even where it refuses.
func Run(ctx context.Context, cfg Config, d Deps) (result Result, err error) {
	ignored, err := readIgnores(cfg.IgnoreFiles, d)
	if err != nil {
		return Result{}, err
	}
	targets, err := selectTargets(ctx, cfg, d)
	if err != nil {
		return Result{}, err
	}
	started := d.Now()
	o := d.Trivy
	o.Config, o.Select, o.Registry, o.RetryFor, o.Now = cfg.Trivy, cfg.Select, d.Registry, cfg.RetryFor, d.Now
	if o.Select.IgnoreFile, err = ignored.write(d.TempDir); err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, ignored.remove()) }()
	scanner, err := trivy.Open(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, scanner.Close()) }()
	if err := scanAll(ctx, scanner, targets); err != nil {
		return Result{}, err
	}
	result = report(targets)
	if result.compared, err = compare(ctx, cfg, d, scanner, targets); err != nil {
		return result, err
	}
	if c := result.compared; c != nil {
		result.New, result.Gone = len(c.added), len(c.gone)
	}
	dir := cmp.Or(cfg.OutputDir, filepath.Join(d.TempDir, "scan", targets[0].image.Digest.Hex()[:12]))
	sarifs, err := result.write(dir, cfg, d, targets, started)
	if err != nil {
		return result, err
	}
	if result.uploaded, err = upload(ctx, cfg, d, sarifs, started); err != nil {
		return result, err
	}
	warn(d.Log, targets)
	return result, result.decide(cfg, targets, ignored)
}

// scanAll scans the targets, several at once, with one database.
func scanAll(ctx context.Context, scanner *trivy.Scanner, targets []target) error {
	if err := scanner.Database(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range targets {
		t := &targets[i]
		group.Go(func() (err error) {
			if t.document != "" {
				t.report, err = scanner.SBOMOf(ctx, t.document, t.image)
			} else {
				t.report, err = scanner.Image(ctx, t.image, t.platform)
			}
			return err
		})
	}
	return group.Wait()
}

// write writes what was found on each platform, for programs: Trivy's own
// report, SARIF, and the predicate that attest takes. It returns the SARIF.
func (r *Result) write(dir string, cfg Config, d Deps, targets []target, started time.Time) ([]document, error) {
	if err := outdir.Make("output-dir", dir); err != nil {
		return nil, err
	}
	var documents []document
	for _, t := range targets {
		documents = append(documents, newDocument(t, category(cfg, t)))
		base := filepath.Join(dir, "scan-"+t.platform.Slug())
		r.Reports = append(r.Reports, base+".json")
		r.Predicates = append(r.Predicates, base+".vuln.json")
		statement, err := json.MarshalIndent(predicate(t, d, started), "", "  ")
		if err = errors.Join(err, os.WriteFile(base+".json", t.report.JSON, 0o644), os.WriteFile(base+".vuln.json", statement, 0o644)); err != nil {
			return nil, err
		}
	}
	if cfg.Merge {
		documents = []document{merge(documents)}
	}
	for i := range documents {
		path := filepath.Join(dir, "scan.sarif")
		if !cfg.Merge {
			path = filepath.Join(dir, "scan-"+targets[i].platform.Slug()+".sarif")
		}
		r.SARIF = append(r.SARIF, path)
		text, err := documents[i].fit()
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return nil, err
		}
		r.cut += documents[i].cut
	}
	return documents, nil
}
