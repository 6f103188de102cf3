// Package outdir makes the directories that inputs name for what a step writes.
package outdir

import (
	"fmt"
	"os"

	"github.com/org/release-actions/internal/hint"
)

// Make makes dir, which the input names, for others to read, and those above it.
// One that is there is as good.
func Make(input, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documents for others to read
		return hint.Wrap(fmt.Errorf("input %q: %w", input, err), "name a directory that may be made and written, as below \"${{ runner.temp }}\"")
	}
	return nil
}
