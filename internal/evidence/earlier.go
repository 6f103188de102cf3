package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

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

// Earlier is how the image is found that an earlier run of the same workflow
// released from the same commit. A second image of a commit has another digest,
// since provenance holds times, and promote would refuse to put it under the
// version's tag.
type Earlier struct {
	Registry  *registry.Client
	Images    []image.Repository // where it must be
	Platforms []image.Platform   // that it must have; any where empty
	// Tags are those that will be put on the image. The version's own one leads
	// to the released image.
	Tags []image.Ref
	// Revision is the commit; where "", nothing is found.
	Revision string
	// Token names the workflow whose signature the image must have.
	Token    sigstore.TokenSource
	Trust    sigstore.Trust
	Sigstore sigstore.Options
	Log      *slog.Logger
}

// Find returns the index or manifest of the released image, or a zero Manifest
// where there is none, or none that is beyond doubt. It is an error where one of
// the repositories lacks it, as one that is new in Images does.
func (e Earlier) Find(ctx context.Context) (registry.Manifest, error) {
	if e.Revision == "" {
		return registry.Manifest{}, nil
	}
	for _, ref := range e.ownTags() {
		pinned, err := e.Registry.Resolve(ctx, ref)
		if errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err == nil {
			err = e.trustworthy(ctx, pinned)
		}
		if ctx.Err() != nil {
			return registry.Manifest{}, ctx.Err()
		}
		if err != nil {
			e.Log.Info(fmt.Sprintf("the image of %s is not taken", ref), "because", err)
			continue
		}
		e.Log.Info(fmt.Sprintf("%s was released from this commit by this workflow as %s: it is taken", ref, pinned.Digest))
		return e.everywhere(ctx, ref, pinned)
	}
	return registry.Manifest{}, nil
}

// ownTags returns, for each repository, the first tag that names one release
// for ever.
func (e Earlier) ownTags() []image.Ref {
	var own []image.Ref
	for _, ref := range e.Tags {
		taken := slices.ContainsFunc(own, func(o image.Ref) bool { return o.Repository == ref.Repository })
		if !taken && release.Fixed(ref.Tag) && slices.Contains(e.Images, ref.Repository) {
			own = append(own, ref)
		}
	}
	return own
}

// trustworthy returns why an image is not to be taken for what this run would
// make, or nil. The signature comes last, since it is what costs.
func (e Earlier) trustworthy(ctx context.Context, pinned image.Pinned) error {
	manifests, err := e.Registry.Platforms(ctx, pinned)
	if err == nil {
		manifests, err = registry.InOrder(manifests, e.Platforms)
	}
	if err != nil {
		return err
	}
	for _, m := range manifests {
		img, err := e.Registry.Image(ctx, pinned.Repository.Pin(m.Digest))
		if err != nil {
			return err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return err
		}
		if revision := config.Config.Labels[revisionLabel]; revision != e.Revision {
			return fmt.Errorf("its label %s is %q, and this commit is %q", revisionLabel, revision, e.Revision)
		}
	}
	return e.signed(ctx, pinned)
}

// signed returns nil where an image has a signature of the very workflow that
// runs now, at this ref, else why it counts as having none.
func (e Earlier) signed(ctx context.Context, pinned image.Pinned) error {
	verifier, err := sigstore.NewVerifier(ctx, e.Trust, e.Sigstore)
	if err != nil {
		return err
	}
	identity, err := verifier.Identity(ctx, e.Token)
	if err != nil {
		return err
	}
	reader := Reader{Registry: e.Registry, Verifier: verifier, Identity: identity}
	found, err := reader.Find(ctx, pinned, intoto.CosignSign)
	if len(found.Bundles) > 0 {
		return nil
	}
	return errors.Join(errors.New("it has no signature of this workflow"), err, errors.Join(found.Refused...))
}

// everywhere reads a released image from every repository. It was pushed to
// all of them, unless Images has grown since.
func (e Earlier) everywhere(ctx context.Context, ref image.Ref, pinned image.Pinned) (manifest registry.Manifest, err error) {
	for _, repo := range e.Images {
		manifest, err = e.Registry.Manifest(ctx, repo.Pin(pinned.Digest))
		if errors.Is(err, registry.ErrNotFound) {
			err = hint.Wrap(fmt.Errorf("%q is released as %q, which %q lacks", ref, pinned.Digest, repo),
				"copy it there, as in \"crane copy %s %s\", and run again; or release a new version; or set \"overwrite: true\" to make this one anew", pinned, repo.Pin(pinned.Digest))
		}
		if err != nil {
			return registry.Manifest{}, err
		}
	}
	return manifest, nil
}
