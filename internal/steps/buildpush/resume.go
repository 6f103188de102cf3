package buildpush

import (
	"context"
	"encoding/json"
)

// resume returns what a build would tell of the image that an earlier run
// released from this commit, as preflight has found it.
func resume(ctx context.Context, cfg Config, d Deps) (metadata, error) {
	manifest, err := d.Registry.Manifest(ctx, cfg.Images[0].Pin(cfg.Resume))
	if err != nil {
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
	d.Log.Info("nothing is built: the image that an earlier run released is taken", "digest", string(cfg.Resume))
	return parseMetadata(text)
}
