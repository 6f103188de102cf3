package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/org/release-actions/internal/outdir"
)

// extract writes the SBOMs and provenance among what was verified into dir, each
// once, named as the sbom step names its own, and returns the paths.
func extract(dir string, found []finding) ([]string, error) {
	if err := outdir.Make("extract", dir); err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range found {
		of := "index"
		if len(f.subject.Platforms) > 0 {
			of = f.subject.Platforms[0].Slug()
		}
		name := f.kind.file(of)
		path := filepath.Join(dir, name)
		if name == "" || slices.Contains(paths, path) { // another registry has it, too
			continue
		}
		if err := os.WriteFile(path, f.bundle.Statement.Predicate, 0o644); err != nil {
			return paths, fmt.Errorf("input \"extract\": %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
