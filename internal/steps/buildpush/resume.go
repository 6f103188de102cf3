package buildpush

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/release"
	"github.com/org/release-actions/internal/sigstore"
)

// revisionLabel names the commit that an image was built from.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys
const revisionLabel = "org.opencontainers.image.revision"

// resume returns the image that an earlier run released from this commit, or
// nothing where there is none, or none that is beyond doubt: then it is built.
// A second build of a commit has another digest, which promote would refuse to
// put under the version's tag.
func resume(ctx context.Context, cfg Config, d Deps) (metadata, error) {
	if cfg.Overwrite || d.Origin.Revision == "" {
		return metadata{}, nil
	}
	for _, ref := range ownTags(cfg) {
		pinned, err := d.Registry.Resolve(ctx, ref)
		if errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err == nil {
			err = d.trustworthy(ctx, cfg, pinned)
		}
		if ctx.Err() != nil {
			return metadata{}, ctx.Err()
		}
		if err != nil {
			d.Log.Info(fmt.Sprintf("the image of %s is not taken, but built", ref), "because", err)
			continue
		}
		d.Log.Info(fmt.Sprintf("%s was released from this commit by this workflow as %s: it is taken, nothing is built", ref, pinned.Digest))
		return adopt(ctx, cfg, ref, pinned, d.Registry)
	}
	return metadata{}, nil
}

// ownTags returns, for each repository, the first tag that names one release
// for ever.
func ownTags(cfg Config) []image.Ref {
	var own []image.Ref
	for _, ref := range cfg.ResumeTags {
		taken := slices.ContainsFunc(own, func(o image.Ref) bool { return o.Repository == ref.Repository })
		if !taken && release.Fixed(ref.Tag) && slices.Contains(cfg.Images, ref.Repository) {
			own = append(own, ref)
		}
	}
	return own
}

// trustworthy returns why an image is not to be taken for what this run would
// build, or nil. The signature comes last, since it is what costs.
func (d Deps) trustworthy(ctx context.Context, cfg Config, pinned image.Pinned) error {
	manifests, err := d.Registry.Platforms(ctx, pinned)
	if err != nil {
		return err
	}
	if err := samePlatforms(cfg.Platforms, manifests); err != nil {
		return err
	}
	for _, m := range manifests {
		img, err := d.Registry.Image(ctx, pinned.Repository.Pin(m.Digest))
		if err != nil {
			return err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return err
		}
		if revision := config.Config.Labels[revisionLabel]; revision != d.Origin.Revision {
			return fmt.Errorf("its label %s is %q, and this commit is %q", revisionLabel, revision, d.Origin.Revision)
		}
	}
	return d.signed(ctx, cfg, pinned)
}

// signed returns nil where an image has a signature of the very workflow that
// runs now, at this ref, else why it counts as having none.
func (d Deps) signed(ctx context.Context, cfg Config, pinned image.Pinned) error {
	identity, err := sigstore.JobIdentity(ctx, d.Token)
	if err != nil {
		return err
	}
	verifier, err := sigstore.NewVerifier(ctx, cfg.Trust, d.Sigstore)
	if err != nil {
		return err
	}
	reader := evidence.Reader{Registry: d.Registry, Verifier: verifier, Identity: identity}
	found, err := reader.Find(ctx, pinned, intoto.CosignSign)
	if len(found.Bundles) > 0 {
		return nil
	}
	return errors.Join(errors.New("it has no signature of this workflow"), err, errors.Join(found.Refused...))
}

// adopt returns the metadata of a released image. It is in every registry,
// since the build was pushed to all, unless "images" has grown since.
func adopt(ctx context.Context, cfg Config, ref image.Ref, pinned image.Pinned, client *registry.Client) (metadata, error) {
	var manifest registry.Manifest
	for _, repo := range cfg.Images {
		var err error
		manifest, err = client.Manifest(ctx, repo.Pin(pinned.Digest))
		if errors.Is(err, registry.ErrNotFound) {
			err = hint.Wrap(fmt.Errorf("%q is released as %q, which %q lacks", ref, pinned.Digest, repo),
				"copy it there, as in \"crane copy %s %s\", and run again; or release a new version; or set \"overwrite: true\" to build this one anew", pinned, repo.Pin(pinned.Digest))
		}
		if err != nil {
			return metadata{}, err
		}
	}
	text, err := json.Marshal(map[string]any{
		"containerimage.digest": pinned.Digest,
		"containerimage.descriptor": map[string]any{
			"mediaType": manifest.MediaType, "digest": pinned.Digest, "size": len(manifest.Raw),
		},
	})
	if err != nil {
		return metadata{}, err
	}
	return parseMetadata(text)
}
