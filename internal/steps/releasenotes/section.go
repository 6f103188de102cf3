package releasenotes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/steps/releasenotes/notes"
)

// maxSection is what the section about the image may take of a release's text, in
// characters.
const maxSection = 100_000

// template reads the template that is given, or takes our own.
func (c Config) template() (*notes.Template, error) {
	if c.Template == "" {
		return notes.Parse("", "", c.Sections)
	}
	text, err := os.ReadFile(c.Template)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("input \"template\": %w", err), "name a file below the workspace")
	}
	return notes.Parse(filepath.Base(c.Template), string(text), c.Sections)
}

// section describes the image between our marks, or is empty where there is none.
func (c Config) section(ctx context.Context, d Deps, tag string, files []ghapi.File) (string, error) {
	template, err := c.template()
	if err != nil || len(c.Images) == 0 {
		return "", err
	}
	platforms, err := d.Registry.Platforms(ctx, c.Images[0])
	if err != nil {
		return "", err
	}
	sizes, err := imageSizes(ctx, d.Registry, c.Images[0].Repository, platforms)
	if err != nil {
		return "", err
	}
	r := notes.Release{Repository: d.GitHub.Repository().String(), Tag: tag, Downloads: d.downloads(tag), Digest: c.Images[0].Digest, Images: c.images()}
	for _, p := range platforms {
		r.Platforms = append(r.Platforms, notes.Platform{
			Platform: p.Platform, Digest: p.Digest, Size: sizes[p.Digest], SPDX: sbom(files, p.Platform, "spdx"), CycloneDX: sbom(files, p.Platform, "cdx"),
			Packages: c.Ecosystems[p.Platform], Findings: c.Findings[p.Platform],
		})
	}
	if r.Signer, err = c.signer(d, r, files); err != nil {
		return "", err
	}
	if r.Changes, err = c.changes(ctx, d, r, files); err != nil {
		return "", err
	}
	text, err := template.Render(r, maxSection)
	if err != nil || text == "" {
		return "", err
	}
	// A mark in it, as in a package's name, would end it.
	text = strings.NewReplacer(beginMark, "…", endMark, "…").Replace(text)
	return beginMark + "\n" + text + "\n" + endMark, nil
}

// images groups the tags by repository.
func (c Config) images() []notes.Image {
	var images []notes.Image
	for _, repo := range image.Repositories(c.Images) {
		i := notes.Image{Pinned: repo.Pin(c.Images[0].Digest)}
		for _, ref := range c.Tags {
			if ref.Repository == repo && !slices.Contains(i.Tags, ref.Tag) {
				i.Tags = append(i.Tags, ref.Tag)
			}
		}
		images = append(images, i)
	}
	return images
}

// sbom returns the name of the file that holds a platform's SBOM, as the sbom
// step names them, or "" where it isn't released.
func sbom(files []ghapi.File, p image.Platform, format string) string {
	return asset(files, "sbom-"+p.Slug()+"."+format+".json")
}

// asset returns the name of the asset that a file is attached as, or "".
func asset(files []ghapi.File, path string) string {
	name := ghapi.AssetName(filepath.Base(path))
	if path != "" && slices.ContainsFunc(files, func(f ghapi.File) bool { return f.Name == name }) {
		return name
	}
	return ""
}

// imageSizes asks for the size of each image.
func imageSizes(ctx context.Context, r *registry.Client, repo image.Repository, platforms []registry.PlatformManifest) (map[image.Digest]int64, error) {
	sizes := make([]int64, len(platforms))
	err := parallel.Each(platforms, func(n int, p registry.PlatformManifest) (err error) {
		sizes[n], err = r.ImageSize(ctx, repo.Pin(p.Digest))
		return err
	})
	if err != nil {
		return nil, err
	}
	all := map[image.Digest]int64{}
	for n, p := range platforms {
		all[p.Digest] = sizes[n]
	}
	return all, nil
}
