package evidence

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/org/release-actions/internal/outdir"
)

// Save writes the bundles to files in dir, the nth by name(n), and returns
// their paths in order.
func Save(dir string, bundles []Bundle, name func(n int) string) ([]string, error) {
	if err := outdir.Make("output-dir", dir); err != nil {
		return nil, err
	}
	var paths []string
	for n, b := range bundles {
		path := filepath.Join(dir, name(n))
		if err := os.WriteFile(path, b.Content, 0o644); err != nil {
			return paths, fmt.Errorf("save the bundles: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
