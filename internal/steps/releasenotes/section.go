package releasenotes

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/notes"
	"github.com/org/release-actions/internal/registry"
)

// maxSection is what the section about the image may take of a release's text, in
// characters.
const maxSection = 100_000

// section describes the image between our marks, or is empty where there is none.
func (c Config) section(ctx context.Context, d Deps, tag string, files []ghapi.File) (string, error) {
	template, err := c.Layout.Open()
	if err != nil || len(c.Images) == 0 {
		return "", err
	}
	r, err := c.describe(ctx, d, tag, files)
	if err != nil {
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

// describe gathers what the section tells: from the registries, and from files
// that earlier steps wrote.
func (c Config) describe(ctx context.Context, d Deps, tag string, files []ghapi.File) (r notes.Release, err error) {
	r = notes.Release{Repository: d.GitHub.Repository().String(), Tag: tag, Downloads: d.downloads(tag), Digest: c.Images[0].Digest, Images: c.images()}
	if r.Changes, err = c.earlier(files); err != nil {
		return r, err
	}
	var now, before []platform
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		now, err = measure(groupCtx, d.Registry, c.Images[0])
		return err
	})
	if r.Changes != nil {
		group.Go(func() (err error) {
			// Where the earlier release can't be read, that is no reason to fail this one.
			if before, err = measure(groupCtx, d.Registry, r.Changes.Since); err != nil && groupCtx.Err() == nil {
				d.Log.Warn("the section doesn't tell how the image has grown", "since", r.Changes.Since.String(), "cause", err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return r, err
	}
	for _, p := range now {
		r.Platforms = append(r.Platforms, notes.Platform{
			Platform: p.Platform, Digest: p.Digest, Size: p.size, SPDX: sbom(files, p.Platform, "spdx"), CycloneDX: sbom(files, p.Platform, "cdx"),
			Packages: c.Ecosystems[p.Platform], Findings: c.Findings[p.Platform],
		})
		for _, b := range before {
			if b.Platform == p.Platform {
				r.Changes.Sizes = append(r.Changes.Sizes, notes.Size{Platform: p.Platform, Before: b.size, Now: p.size})
			}
		}
	}
	r.Signer, err = c.signer(d, r, files)
	return r, err
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

// maxReads bounds how many manifests are read at one time.
const maxReads = 8

// platform is the image for a platform, and what is downloaded to pull it.
type platform struct {
	registry.PlatformManifest
	size int64
}

// measure returns the images of an index, with their sizes.
func measure(ctx context.Context, r *registry.Client, p image.Pinned) ([]platform, error) {
	manifests, err := r.Platforms(ctx, p)
	if err != nil {
		return nil, err
	}
	platforms := make([]platform, len(manifests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReads)
	for n, m := range manifests {
		group.Go(func() (err error) {
			platforms[n].PlatformManifest = m
			platforms[n].size, err = r.ImageSize(ctx, p.Repository.Pin(m.Digest))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return platforms, nil
}
