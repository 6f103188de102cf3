// Package notes writes the section of a release page that is about its image:
// how to pull it, what it holds, and the commands that verify it. Of text that
// comes from elsewhere nothing is read as Markdown.
package notes

import (
	"cmp"
	"maps"
	"net/url"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/release"
)

// Release is what a template is given: a released image.
type Release struct {
	// Repository is the repository on GitHub: octocat/hello.
	Repository string
	// Tag is the git tag: v1.2.3.
	Tag string
	// Downloads is the address below which the release's files are.
	Downloads string
	// Digest is that of the index, or of the image where there is no index.
	Digest image.Digest
	// Images are the image in each of its registries.
	Images []Image
	// Platforms are those of the index, in its order.
	Platforms []Platform
	// Signer is who signed; nothing where no bundle or identity is known.
	Signer *Signer
	// Changes are what is new since an earlier release; nothing where there is none.
	Changes *Changes
}

// Image is the image in one registry.
type Image struct {
	// Pinned is the image by its digest: ghcr.io/octocat/hello@sha256:….
	Pinned image.Pinned
	// Tags are the tags in this repository: 1.2.3, 1.2, latest.
	Tags []string
}

// Ref returns the image by its most lasting tag, ghcr.io/octocat/hello:1.2.3; empty without a tag.
func (i Image) Ref() string {
	if len(i.Tags) == 0 {
		return ""
	}
	lasting := max(slices.IndexFunc(i.Tags, release.Fixed), 0)
	return i.Pinned.Repository.Tag(i.Tags[lasting]).String()
}

// Platform is the image for one platform.
type Platform struct {
	// Platform is its name: linux/arm/v7.
	Platform image.Platform
	// Digest is that of its manifest.
	Digest image.Digest
	// Size is what is downloaded to pull it, in bytes: the compressed layers and the config.
	Size int64
	// SPDX is the name of the file with its SBOM in SPDX; empty where it isn't released.
	SPDX string
	// CycloneDX is the same in CycloneDX.
	CycloneDX string
	// Packages are the numbers of packages by ecosystem: apk, go-module. Nothing where they aren't known.
	Packages map[string]int
	// Findings are the numbers of vulnerabilities by severity: CRITICAL, HIGH. Nothing where it wasn't scanned.
	Findings map[string]int
}

// Total returns the number of packages in all ecosystems.
func (p Platform) Total() (n int) {
	for _, packages := range p.Packages {
		n += packages
	}
	return n
}

// Scanned reports whether it was scanned.
func (p Platform) Scanned() bool { return p.Findings != nil }

// Tagged reports whether there is a tag to pull.
func (r Release) Tagged() bool {
	return slices.ContainsFunc(r.Images, func(i Image) bool { return len(i.Tags) > 0 })
}

// Asset returns the address of one of the release's files.
func (r Release) Asset(name string) string { return r.Downloads + "/" + url.PathEscape(name) }

// Described reports whether the packages of any platform are known.
func (r Release) Described() bool {
	return slices.ContainsFunc(r.Platforms, func(p Platform) bool { return p.Packages != nil })
}

// Scanned reports whether any platform was scanned.
func (r Release) Scanned() bool {
	return slices.ContainsFunc(r.Platforms, Platform.Scanned)
}

// Ecosystems returns the ecosystems that any platform has packages of, sorted.
func (r Release) Ecosystems() []string {
	all := map[string]bool{}
	for _, p := range r.Platforms {
		for name := range p.Packages {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// severities are those of a scan, the worst first.
var severities = []string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"}

// Severities returns the names of the severities, the worst first.
func (r Release) Severities() []string { return severities }

// Changes are what is new since an earlier release.
type Changes struct {
	// Since is the earlier image, by its digest.
	Since image.Pinned
	// Tag is the tag that it was found by; empty where that was the digest.
	Tag string
	// AddedPlatforms are those that the earlier image has not.
	AddedPlatforms []string
	// RemovedPlatforms are those that only the earlier image has.
	RemovedPlatforms []string
	// Sizes are the sizes of the platforms that both have, as far as they are known.
	Sizes []Size
	// Packages are those that were added, removed or changed; equal ones of several platforms are one.
	Packages []Package
	// File is the name of the file with all of it in JSON; empty where it isn't released.
	File string
}

// Name returns the tag of the earlier image, or its digest.
func (c Changes) Name() string { return cmp.Or(c.Tag, string(c.Since.Digest)) }

// maxListed bounds the packages that a page lists: the first ones tell what
// kind of release it is.
const maxListed = 50

// Listed returns the first 50 of the packages.
func (c Changes) Listed() []Package { return c.Packages[:min(maxListed, len(c.Packages))] }

// Unlisted returns how many more there are.
func (c Changes) Unlisted() int { return len(c.Packages) - len(c.Listed()) }

// Size is what is downloaded to pull a platform's image.
type Size struct {
	// Platform is its name: linux/arm/v7.
	Platform image.Platform
	// Before is that of the earlier release, in bytes.
	Before int64
	// Now is that of this release, in bytes.
	Now int64
}

// Growth returns the difference for people: +1.2 MB, or "none".
func (s Size) Growth() string {
	switch d := s.Now - s.Before; {
	case d > 0:
		return "+" + size(d)
	case d < 0:
		return "−" + size(-d)
	}
	return "none"
}

// Package is a package whose versions differ from those of the earlier release.
type Package struct {
	// Name is what its ecosystem calls it: musl.
	Name string
	// Ecosystem is the kind of package: apk, go-module.
	Ecosystem string
	// From are the earlier versions; nothing where it was added.
	From []string
	// To are the versions now; nothing where it was removed.
	To []string
	// Platforms are those where it changed so; nothing where these are all.
	Platforms []string
}

// size writes a number of bytes for people, as registries' pages do.
func size(bytes int64) string {
	return humanize.Bytes(uint64(max(bytes, 0)))
}
