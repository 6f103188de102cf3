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
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/release"
	"github.com/org/release-actions/internal/sigstore"
)

// revisionLabel names the commit that an image was built from.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys
const revisionLabel = "org.opencontainers.image.revision"

// ErrReleased is a version's own tag that is there, and that this run can't go on
// with: it leads to an image that is not its own, or not everywhere.
var ErrReleased = errors.New("released already")

// refusal is why an image is not what this run would release. Any other error
// means that it could not be decided.
type refusal struct{ error }

// Earlier is how the image is found that an earlier run of the same workflow
// released from the same commit. A second image of a commit has another digest,
// since provenance holds times, and promote would refuse to put it under the
// version's tag.
type Earlier struct {
	Registry  *registry.Client
	Images    []image.Repository // where it must be
	Platforms []image.Platform   // that it must have; any where empty
	// Tags are those that will be put on the image, and Version is what they are
	// made of. The version's own ones lead to the released image.
	Tags    []image.Ref
	Version string
	// Revision is the commit; where "", nothing is found.
	Revision string
	// Token names the workflow whose signature the image must have.
	Token    sigstore.TokenSource
	Trust    sigstore.Trust
	Sigstore sigstore.Options
	Log      *slog.Logger
}

// Find returns the released image in the first repository that has its tag, or
// a zero Pinned where none of the version's own tags is there. It is ErrReleased
// where one is and leads to anything else, or where one of the repositories lacks
// the image, as one that is new in Images does. With any other error it could not
// be decided.
func (e Earlier) Find(ctx context.Context) (image.Pinned, error) {
	own := e.ownTags()
	if e.Revision == "" || len(own) == 0 {
		return image.Pinned{}, nil
	}
	there := make([]image.Pinned, len(own))
	if err := parallel.Each(own, func(n int, ref image.Ref) (err error) {
		there[n], err = e.Registry.Resolve(ctx, ref)
		if errors.Is(err, registry.ErrNotFound) {
			return nil
		}
		return err
	}); err != nil {
		return image.Pinned{}, err
	}
	var taken image.Pinned
	var errs []error
	for n, pinned := range there {
		if pinned.Digest == "" || pinned.Digest == taken.Digest {
			continue
		}
		err := e.trustworthy(ctx, pinned)
		switch {
		case err == nil && taken.Digest == "":
			taken = pinned
			e.Log.Info(fmt.Sprintf("%s was released from this commit by this workflow as %s: it is taken", own[n], pinned.Digest))
			err = e.everywhere(ctx, own[n], pinned)
		case err == nil:
			err = refusal{fmt.Errorf("%s is released from this commit, too", taken)}
		}
		errs = append(errs, released(own[n], pinned, err))
	}
	if err := errors.Join(errs...); err != nil {
		return image.Pinned{}, err
	}
	return taken, nil
}

// released makes an error of why the image of a tag is refused.
func released(ref image.Ref, pinned image.Pinned, err error) error {
	var why refusal
	if !errors.As(err, &why) {
		return err
	}
	return hint.Wrap(fmt.Errorf("tag %q is %w, as %s: %w", ref, ErrReleased, pinned.Digest, why),
		`released versions don't change: release a new version, or give "overwrite: true"`)
}

// ownTags returns the tags that name one release for ever.
func (e Earlier) ownTags() []image.Ref {
	var names []string
	for _, ref := range e.Tags {
		names = append(names, ref.Tag)
	}
	kept := release.Kept(names, e.Version)
	var own []image.Ref
	for _, ref := range e.Tags {
		if kept[ref.Tag] && slices.Contains(e.Images, ref.Repository) && !slices.Contains(own, ref) {
			own = append(own, ref)
		}
	}
	return own
}

// trustworthy returns why an image is not to be taken for what this run would
// make, or nil. The signature comes last, since it is what costs.
func (e Earlier) trustworthy(ctx context.Context, pinned image.Pinned) error {
	manifests, err := e.Registry.Platforms(ctx, pinned)
	if err != nil {
		return err
	}
	if manifests, err = registry.InOrder(manifests, e.Platforms); err != nil {
		return refusal{err}
	}
	if err := parallel.Each(manifests, func(_ int, m registry.PlatformManifest) error {
		img, err := e.Registry.Image(ctx, pinned.Repository.Pin(m.Digest))
		if err != nil {
			return err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return err
		}
		if revision := config.Config.Labels[revisionLabel]; revision != e.Revision {
			return refusal{fmt.Errorf("its label %s is %q, and this commit is %q", revisionLabel, revision, e.Revision)}
		}
		return nil
	}); err != nil {
		return first(err)
	}
	return e.signed(ctx, pinned)
}

// first returns one of several errors: what is wrong with one platform's image
// is wrong with all of them.
func first(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()[0]
	}
	return err
}

// signed returns nil where an image has a signature of the very workflow that
// runs now, at this ref and commit, else why it counts as having none. A
// certificate names the commit on GitHub's word; a key's signature does not.
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
	for _, b := range found.Bundles {
		if commit := b.Source.Commit; commit == e.Revision || commit == "" {
			return nil
		}
		found.Refused = append(found.Refused, fmt.Errorf("that is of commit %s, and this is %s", b.Source.Commit, e.Revision))
	}
	if err != nil {
		return err
	}
	why := fmt.Errorf("it has no signature by %s", identity)
	if len(found.Refused) > 0 {
		why = fmt.Errorf("%w: %w", why, found.Refused[0])
	}
	return refusal{why}
}

// everywhere sees to it that every repository has a released image. It was
// pushed to all of them, unless Images has grown since.
func (e Earlier) everywhere(ctx context.Context, ref image.Ref, pinned image.Pinned) error {
	return parallel.Each(e.Images, func(_ int, repo image.Repository) error {
		_, err := e.Registry.Resolve(ctx, repo.Pin(pinned.Digest).Ref())
		if errors.Is(err, registry.ErrNotFound) {
			return hint.Wrap(fmt.Errorf("tag %q is %w, as %s, which %q lacks", ref, ErrReleased, pinned.Digest, repo),
				"copy it there, as in \"crane copy %s %s\", and run again; or release a new version; or set \"overwrite: true\" to make this one anew", pinned, repo.Pin(pinned.Digest))
		}
		return err
	})
}
