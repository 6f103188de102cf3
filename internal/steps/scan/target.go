package scan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/trivy"
)

// Source is what is scanned of an image.
type Source string

const (
	sourceImage Source = "image" // its layers
	sourceSBOM  Source = "sbom"  // the document that was made of it
)

// UnmarshalText checks that s is one of the two.
func (s *Source) UnmarshalText(text []byte) error {
	*s = Source(text)
	if *s != sourceImage && *s != sourceSBOM {
		return hint.Wrap(fmt.Errorf("source %q is nothing to scan", text), "write image or sbom")
	}
	return nil
}

// target is the image of one platform, and what was found in it.
type target struct {
	image    image.Pinned
	platform image.Platform
	document string // a CycloneDX document to scan in the image's place; "" for none
	report   trivy.Report
}

// selectTargets returns the images that are to be scanned, in the order of the
// index, each once.
func selectTargets(ctx context.Context, cfg Config, d Deps) ([]target, error) {
	if len(cfg.Images) == 0 {
		return documents(cfg.SBOMs)
	}
	targets, err := platforms(ctx, d.Registry, cfg.Images[0])
	if err != nil || cfg.Source != sourceSBOM {
		return targets, err
	}
	found, err := documents(cfg.SBOMs)
	if err != nil {
		return nil, err
	}
	for i, t := range targets {
		n := slices.IndexFunc(found, func(other target) bool { return other.image.Digest == t.image.Digest })
		if n < 0 {
			return nil, hint.Wrap(fmt.Errorf("no CycloneDX document in \"sboms\" describes %s, %s", t.platform, t.image.Digest),
				"give the files that the sbom step wrote for this very image")
		}
		targets[i].document = found[n].document
	}
	return targets, nil
}

// platforms returns the images of an index, or the one image that p is.
func platforms(ctx context.Context, reg *registry.Client, p image.Pinned) ([]target, error) {
	all, err := reg.Platforms(ctx, p)
	if err != nil {
		return nil, err
	}
	var targets []target
	for _, m := range all {
		if !slices.ContainsFunc(targets, func(t target) bool { return t.image.Digest == m.Digest }) {
			targets = append(targets, target{image: p.Repository.Pin(m.Digest), platform: m.Platform})
		}
	}
	if len(targets) == 0 {
		return nil, hint.Wrap(fmt.Errorf("index %q has no image for any platform", p), "give an index that a build pushed")
	}
	return targets, nil
}

// documents reads which images the CycloneDX documents among the files are
// about. SPDX documents, and those of an index, are passed over.
func documents(paths []string) ([]target, error) {
	var targets []target
	var errs []error
	for _, path := range paths {
		t, ok, err := readDocument(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("SBOM %q: %w", path, err))
		}
		if ok {
			targets = append(targets, t)
		}
	}
	if len(targets) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("none of \"sboms\" is the CycloneDX document of one platform"))
	}
	return targets, hint.Wrap(errors.Join(errs...), "give the files that the sbom step writes, as its output \"files\" has them")
}

func readDocument(path string) (t target, ok bool, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return target{}, false, err
	}
	about, err := evidence.ParseDocument(text)
	if err != nil || about.PredicateType != intoto.CycloneDX {
		return target{}, false, err
	}
	var bom struct {
		Metadata struct {
			Component struct {
				Name       string
				Properties []struct{ Name, Value string }
			}
		}
	}
	if err := json.Unmarshal(text, &bom); err != nil {
		return target{}, false, err
	}
	t = target{image: image.Pinned{Digest: about.Digest}, document: path}
	// An image in an OCI layout may have no name.
	if repository, err := image.ParseRepository(bom.Metadata.Component.Name); err == nil {
		t.image.Repository = repository
	}
	for _, p := range bom.Metadata.Component.Properties {
		if p.Name == "release-actions:platform" {
			t.platform, err = image.ParsePlatform(p.Value)
			return t, err == nil, err
		}
	}
	return target{}, false, nil
}
