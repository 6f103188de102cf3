package releasenotes

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/notes"
)

// changesFile is what the sbom step writes of the changes since an earlier release.
type changesFile struct {
	Since                            image.Pinned
	Tag                              string
	Platforms                        []platformChanges
	AddedPlatforms, RemovedPlatforms []string
}

type platformChanges struct {
	Platform                string
	Added, Removed, Changed []notes.Package
}

// earlier tells which packages are new since the earlier release that the sbom step
// compared with, or nothing where it compared with none.
func (c Config) earlier(files []ghapi.File) (*notes.Changes, error) {
	if c.Changes == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Changes)
	if err != nil {
		return nil, fmt.Errorf("input \"changes\": %w", err)
	}
	var f changesFile
	err = json.Unmarshal(text, &f)
	if err == nil && f.Since == (image.Pinned{}) {
		err = fmt.Errorf("it has no %q", "since")
	}
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("input \"changes\": %q doesn't tell what has changed: %w", c.Changes, err), "give the output \"changes\" of sbom")
	}
	return &notes.Changes{
		Since: f.Since, Tag: f.Tag, AddedPlatforms: f.AddedPlatforms, RemovedPlatforms: f.RemovedPlatforms,
		Packages: packages(f.Platforms), File: asset(files, c.Changes),
	}, nil
}

// packages lists the changes, each once for all platforms that have it.
func packages(platforms []platformChanges) []notes.Package {
	var all []notes.Package
	same := func(a notes.Package) func(notes.Package) bool {
		return func(b notes.Package) bool {
			return a.Ecosystem == b.Ecosystem && a.Name == b.Name && slices.Equal(a.From, b.From) && slices.Equal(a.To, b.To)
		}
	}
	for _, p := range platforms {
		for _, change := range slices.Concat(p.Changed, p.Added, p.Removed) {
			n := slices.IndexFunc(all, same(change))
			if n < 0 {
				n = len(all)
				all = append(all, change)
			}
			all[n].Platforms = append(all[n].Platforms, p.Platform)
		}
	}
	for n := range all {
		if len(all[n].Platforms) == len(platforms) {
			all[n].Platforms = nil
		}
	}
	slices.SortStableFunc(all, func(a, b notes.Package) int {
		return cmp.Or(strings.Compare(a.Ecosystem, b.Ecosystem), strings.Compare(a.Name, b.Name))
	})
	return all
}
