package releasenotes

import (
	"encoding/json"
	"fmt"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Counts are numbers of something of each platform, by its kind.
type Counts map[image.Platform]map[string]int

// UnmarshalText parses a JSON object: {"linux/amd64":{"apk":12}}.
func (c *Counts) UnmarshalText(text []byte) error {
	var counts map[image.Platform]map[string]int
	if err := json.Unmarshal(text, &counts); err != nil {
		return hint.Wrap(fmt.Errorf("not numbers by platform and kind: %w", err),
			"give the output of the same name: \"ecosystems\" of sbom, \"findings\" of scan, which is as in {\"linux/amd64\":{\"apk\":12}}")
	}
	*c = counts
	return nil
}
