// Package attest says things of an image, signed with the identity of the job:
// what is in it, how it was built, what a scanner found, and whatever else a
// predicate holds. It attaches that to the index and to the image of each
// platform, the same in every registry. Of files that no registry holds it says
// the same, by their checksums.
package attest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// Config is the step's inputs.
type Config struct {
	Images        []image.Pinned `input:"images"`   // one image, in each of its registries
	Subjects      Selection      `input:"subjects"` // which manifests of the image
	SBOMs         []string       `input:"sboms"`    // files
	Provenance    bool           `input:"build-provenance"`
	Reports       []string       `input:"vulnerability-reports"` // files
	PredicateType string         `input:"predicate-type"`
	PredicatePath string         `input:"predicate-path"`
	Checksums     []string       `input:"checksums"` // files
	PushToGitHub  bool           `input:"push-to-github"`
	OutputDir     string         `input:"output-dir"`
	RetryFor      time.Duration  `input:"retry-for"`
	Layouts       evidence.Layouts
	Sigstore      sigstore.Instance
	Registry      registry.Credentials
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	return errors.Join(image.SameDigest(c.Images), c.validateKinds(), c.Sigstore.Validate(), c.Layouts.Check(c.Sigstore), c.Registry.Validate())
}

// validateKinds sees to it that there is something to say, of something.
func (c Config) validateKinds() error {
	switch {
	case len(c.Images) == 0 && len(c.Checksums) == 0:
		return hint.New("there is nothing to attest: neither \"images\" nor \"checksums\" is given", "give \"images\", as build-push has it")
	case len(c.Images) == 0 && (len(c.SBOMs) > 0 || len(c.Reports) > 0 || c.Subjects != Selection{}):
		return hint.New("\"sboms\", \"vulnerability-reports\" and \"subjects\" are of an image, and \"images\" is missing", "give \"images\", as build-push has it")
	case (c.PredicateType == "") != (c.PredicatePath == ""):
		return hint.New("only one of \"predicate-type\" and \"predicate-path\" is given", "give both: what the predicate is, and the file that holds it")
	case c.PushToGitHub && c.Sigstore.Trust.Key != "":
		return hint.New("\"push-to-github\" and \"key\" are both given, and GitHub keeps what its workflows signed without a key", "leave out one of them")
	case c.Provenance || c.PredicatePath != "":
		return validType(c.PredicateType)
	case len(c.Checksums) > 0:
		return hint.New("there is nothing to say of the files in \"checksums\"", "set \"build-provenance: true\", or give a predicate")
	case len(c.SBOMs) == 0 && len(c.Reports) == 0:
		return hint.New("there is nothing to say of the image", "give \"sboms\", or set \"build-provenance: true\"")
	}
	return nil
}

// Deps is what the step works with.
type Deps struct {
	// Open reaches for the Sigstore instance. The inputs' files are read before.
	Open   func(context.Context) (evidence.Publisher, error)
	Token  sigstore.TokenSource // whose claims become provenance
	Getenv func(string) string  // the runner's variables, for a job without a token
	GitHub *ghapi.Client        // where PushToGitHub; nil where nothing says which repository this is of
	// TempDir is where the bundles go without an output directory.
	TempDir string
}

// Result is the step's outputs.
type Result struct {
	Bundles  []string `output:"bundles"` // files: DIGEST.KIND.sigstore.json, FILE.KIND.sigstore.json
	Identity string   `output:"certificate-identity"`
	Issuer   string   `output:"certificate-oidc-issuer"`
}

// attestation is what is to be said, and the file that its bundle is saved as.
type attestation struct {
	evidence.Claim
	file string
}

// The kinds of attestations, as the names of their files have them.
const (
	kindSPDX       = "spdx"
	kindCycloneDX  = "cdx"
	kindProvenance = "provenance"
	kindReport     = "vuln"
	kindPredicate  = "predicate"
)

// ofDigest says a predicate of a manifest.
func ofDigest(d image.Digest, kind, predicateType string, predicate json.RawMessage) attestation {
	return attestation{evidence.Claim{Digest: d, Statement: intoto.New(d, predicateType, predicate)}, d.Hex() + "." + kind + ".sigstore.json"}
}

// Run attests what is not attested yet. A second run with the same inputs finds
// the attestations of the first, and adds them where they are missing.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	if cfg.PushToGitHub && d.GitHub == nil {
		return Result{}, hint.New("input \"push-to-github\": nothing says which repository this is of", "run in a job of GitHub Actions, or set GITHUB_REPOSITORY")
	}
	files, err := read(cfg)
	if err != nil {
		return Result{}, err
	}
	p, err := d.Open(ctx)
	if err != nil {
		return Result{}, err
	}
	sources, err := look(ctx, cfg, d, p)
	if err != nil {
		return Result{}, err
	}
	ofImage, ofFiles, err := plan(cfg, files, sources)
	if err != nil {
		return Result{}, err
	}
	p.Layouts, p.Subjects = cfg.Layouts, sources.subjects
	id, err := p.Signer.Identity(ctx)
	if err != nil {
		return Result{}, err
	}
	github := &store{verifier: p.Verifier, identity: id}
	if cfg.PushToGitHub {
		github.client = d.GitHub
	}
	all := slices.Concat(ofImage, ofFiles)
	if err := github.fits(all); err != nil {
		return Result{}, err
	}
	if err := github.look(ctx, claims(all)); err != nil {
		return Result{}, err
	}
	bundles, err := signFiles(ctx, p, id, github, ofFiles)
	if err != nil {
		return Result{}, err
	}
	if len(ofImage) > 0 {
		published, err := p.Publish(ctx, image.Repositories(cfg.Images), claims(ofImage))
		if err != nil {
			return Result{}, err
		}
		bundles = append(published, bundles...)
	}
	result := Result{Identity: bundles[0].Identity.Subject, Issuer: bundles[0].Identity.Issuer}
	result.Bundles, err = evidence.Save(cmp.Or(cfg.OutputDir, filepath.Join(d.TempDir, "bundles")), bundles, func(n int) string { return all[n].file })
	if err != nil {
		return result, fmt.Errorf("all is attested: %w", err)
	}
	return result, github.add(ctx, p.Log, claims(all), bundles)
}

// signFiles returns a bundle for each attestation of files: the one that GitHub
// has, since no registry could, or a new one.
func signFiles(ctx context.Context, p evidence.Publisher, id sigstore.Identity, github *store, attestations []attestation) ([]evidence.Bundle, error) {
	var bundles []evidence.Bundle
	for _, a := range attestations {
		bundle, ok := github.find(a.Claim)
		if !ok {
			var err error
			if bundle, err = p.Sign(ctx, a.Claim, id); err != nil {
				return nil, fmt.Errorf("%s: %w; nothing was attached", a.file, err)
			}
		}
		bundles = append(bundles, bundle)
	}
	return bundles, nil
}

func claims(attestations []attestation) []evidence.Claim {
	var all []evidence.Claim
	for _, a := range attestations {
		all = append(all, a.Claim)
	}
	return all
}
