package sbom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// Changes are what an image has gained and lost since an earlier one.
type Changes struct {
	Since     string            `json:"since"`         // the earlier image, by digest
	Tag       string            `json:"tag,omitempty"` // that it was found by
	Platforms []PlatformChanges `json:"platforms"`
	// AddedPlatforms and RemovedPlatforms are those that only one of them has.
	AddedPlatforms   []string `json:"addedPlatforms,omitempty"`
	RemovedPlatforms []string `json:"removedPlatforms,omitempty"`
}

// PlatformChanges are the changes in the image of one platform, by name.
type PlatformChanges struct {
	Platform string   `json:"platform"`
	Added    []Change `json:"added"`
	Removed  []Change `json:"removed"`
	Changed  []Change `json:"changed"`
}

// Change is a package whose versions differ. An image may have several at once.
type Change struct {
	Ecosystem string   `json:"ecosystem"`
	Name      string   `json:"name"`
	PURL      string   `json:"purl"` // without version
	From      []string `json:"from,omitempty"`
	To        []string `json:"to,omitempty"`
}

// earlier opens the images of the release to compare with, where there is one: a
// first release has nothing to be compared to.
func (c *cataloguer) earlier(ctx context.Context, d Deps, img image.Pinned) (since image.Ref, tasks []task, err error) {
	if c.cfg.CompareTo == "" {
		return image.Ref{}, nil, nil
	}
	if since, err = img.Repository.ParseRef(c.cfg.CompareTo); err != nil {
		return image.Ref{}, nil, fmt.Errorf("input \"compare-to\": %w", err)
	}
	pinned, err := d.Registry.Resolve(ctx, since)
	if errors.Is(err, registry.ErrNotFound) {
		c.log.Warn("there is no earlier release to compare with", "compare-to", since.String())
		return image.Ref{}, nil, nil
	}
	if err == nil {
		tasks, err = c.open(ctx, remote{pinned, d.Registry})
	}
	if err != nil {
		return image.Ref{}, nil, fmt.Errorf("input \"compare-to\": %w", err)
	}
	since.Digest = pinned.Digest
	for n := range tasks {
		tasks[n].earlier = true
	}
	return since, tasks, nil
}

// compare returns what has changed in the images since those of the earlier
// index or image.
func compare(since image.Ref, before, now []catalogue) *Changes {
	changes := &Changes{Since: since.Repository.Pin(since.Digest).String(), Tag: since.Tag, Platforms: []PlatformChanges{}}
	earlier := map[image.Platform]catalogue{}
	for _, c := range before {
		earlier[c.about.platform] = c
	}
	for _, c := range now {
		platform := c.about.platform
		if then, ok := earlier[platform]; ok {
			changes.Platforms = append(changes.Platforms, diff(platform, then.packages, c.packages))
		} else {
			changes.AddedPlatforms = append(changes.AddedPlatforms, platform.String())
		}
		delete(earlier, platform)
	}
	for platform := range earlier {
		changes.RemovedPlatforms = append(changes.RemovedPlatforms, platform.String())
	}
	slices.Sort(changes.RemovedPlatforms)
	return changes
}

// diff compares the packages of one platform by what they are without version.
func diff(platform image.Platform, before, now []component) PlatformChanges {
	d := PlatformChanges{Platform: platform.String(), Added: []Change{}, Removed: []Change{}, Changed: []Change{}}
	from, to := group(before), group(now)
	all := maps.Clone(from)
	maps.Copy(all, to)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		change := Change{all[id].ecosystem, all[id].name, id, from[id].versions, to[id].versions}
		switch {
		case len(change.From) == 0:
			d.Added = append(d.Added, change)
		case len(change.To) == 0:
			d.Removed = append(d.Removed, change)
		case !slices.Equal(change.From, change.To):
			d.Changed = append(d.Changed, change)
		}
	}
	return d
}

// versions are those that an image has of a package.
type versions struct {
	ecosystem, name string
	versions        []string
}

// group returns the packages by what they are without version.
func group(packages []component) map[string]versions {
	found := map[string]versions{}
	for _, p := range packages {
		v := found[p.identity()]
		v.ecosystem, v.name = p.ecosystem, p.name
		if !slices.Contains(v.versions, p.version) {
			v.versions = append(v.versions, p.version)
			slices.Sort(v.versions)
		}
		found[p.identity()] = v
	}
	return found
}

// save writes the changes to a file and returns its path.
func (c *Changes) save(dir string) (string, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sbom-changes.json")
	return path, os.WriteFile(path, append(text, '\n'), 0o644)
}
