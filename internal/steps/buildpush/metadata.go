package buildpush

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/steps/buildpush/progress"
)

// metadata is what buildx writes of a build.
//
// https://docs.docker.com/reference/cli/docker/buildx/build/#metadata-file
type metadata struct {
	Digest       image.Digest `json:"containerimage.digest"`
	ConfigDigest image.Digest `json:"containerimage.config.digest"`
	Descriptor   struct {
		Digest image.Digest `json:"digest"`
	} `json:"containerimage.descriptor"`
	text   json.RawMessage
	record progress.Record // of the build; empty where nothing was built
}

// readMetadata reads the file that a build left.
func readMetadata(path string) (metadata, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return metadata{}, fmt.Errorf("buildx has succeeded and left no metadata: %w", err)
	}
	return parseMetadata(text)
}

func parseMetadata(text []byte) (metadata, error) {
	m := metadata{text: text}
	if err := json.Unmarshal(text, &m); err != nil {
		return metadata{}, fmt.Errorf("metadata of buildx: %w", err)
	}
	if m.Descriptor.Digest != "" && m.Descriptor.Digest != m.Digest {
		return metadata{}, fmt.Errorf("metadata of buildx: the digest is %q and its descriptor's is %q", m.Digest, m.Descriptor.Digest)
	}
	return m, nil
}

// check sees to it that there is an image where one was asked for.
func (m metadata) check(cfg Config) error {
	if m.Digest == "" && (len(cfg.repositories()) > 0 || cfg.intoLayout()) && !cfg.Build.calls() {
		return fmt.Errorf("metadata of buildx: it has no %q: the builder has made no image", "containerimage.digest")
	}
	return nil
}

func (m metadata) imageID() string {
	if m.ConfigDigest != "" {
		return string(m.ConfigDigest)
	}
	return string(m.Digest)
}
