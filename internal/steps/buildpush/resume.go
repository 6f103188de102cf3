package buildpush

import (
	"context"
	"encoding/json"

	"github.com/org/release-actions/internal/evidence"
)

// resume returns the image that an earlier run released from this commit, or
// nothing where there is none: then it is built.
func resume(ctx context.Context, cfg Config, d Deps) (metadata, error) {
	if cfg.Overwrite {
		return metadata{}, nil
	}
	manifest, err := evidence.Earlier{
		Registry: d.Registry, Images: cfg.Images, Platforms: cfg.Platforms, Tags: cfg.ResumeTags, Revision: d.Origin.Revision,
		Token: d.Token, Trust: cfg.Trust, Sigstore: d.Sigstore, Log: d.Log,
	}.Find(ctx)
	if err != nil || manifest.Digest == "" {
		return metadata{}, err
	}
	text, err := json.Marshal(map[string]any{
		"containerimage.digest": manifest.Digest,
		"containerimage.descriptor": map[string]any{
			"mediaType": manifest.MediaType, "digest": manifest.Digest, "size": len(manifest.Raw),
		},
	})
	if err != nil {
		return metadata{}, err
	}
	return parseMetadata(text)
}
