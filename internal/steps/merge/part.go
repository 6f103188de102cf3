package merge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/registry"
)

// part is the image for one platform, and the digest that it came with.
type part struct {
	registry.Entry
	from image.Digest
}

// gather returns a part for each platform, in the order that was asked for. All
// that is wrong with the builds is one error.
func gather(ctx context.Context, cfg Config, client *registry.Client) ([]part, error) {
	builds, err := find(ctx, cfg.Images, cfg.Digests, client)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	parts, mismatch := arrange(cfg.Platforms, builds)
	if err := errors.Join(err, mismatch); err != nil {
		return nil, err
	}
	return parts, nil
}

// arrange puts what the builds hold into the order of platforms. What is wrong
// is said once: a build that could not be read, or that is mislabelled, is no
// reason to call its platform missing, too.
func arrange(platforms []image.Platform, builds []build) ([]part, error) {
	var errs []error
	parts := map[image.Platform]part{}
	excused, unknown := map[image.Platform]bool{}, false
	for _, b := range builds {
		excused[b.Platform] = true
		unknown = unknown || len(b.entries) == 0 && b.Platform == image.Platform{}
		mislabelled := b.asLabelled()
		errs = append(errs, mislabelled)
		for _, e := range b.entries {
			if mislabelled != nil {
				excused[e.Platform] = true
				continue
			}
			first, doubled := parts[e.Platform]
			switch {
			case !slices.Contains(platforms, e.Platform):
				errs = append(errs, hint.Wrap(fmt.Errorf("digest %q is for %s, which is not among \"platforms\"", b.Digest, e.Platform),
					"add it to \"platforms\", or leave its digest out of \"digests\""))
			case doubled && first.from == b.Digest:
				errs = append(errs, hint.Wrap(fmt.Errorf("digest %q has %s twice", b.Digest, e.Platform), "see how its build comes to that"))
			case doubled:
				errs = append(errs, hint.Wrap(fmt.Errorf("digests %q and %q are both for %s", first.from, b.Digest, e.Platform),
					"leave one of them out of \"digests\""))
			default:
				parts[e.Platform] = part{e, b.Digest}
			}
		}
	}
	var ordered []part
	for _, p := range platforms {
		found, ok := parts[p]
		if ordered = append(ordered, found); !ok && !excused[p] && !unknown {
			errs = append(errs, hint.Wrap(fmt.Errorf("platform %s is in none of \"digests\"", p),
				"give the digest of its build, or leave it out of \"platforms\""))
		}
	}
	return ordered, errors.Join(errs...)
}

// asLabelled returns an error where a build is given as one platform and isn't
// just that.
func (b build) asLabelled() error {
	if b.Platform == (image.Platform{}) || len(b.entries) == 0 || len(b.entries) == 1 && b.entries[0].Platform == b.Platform {
		return nil
	}
	var is []string
	for _, e := range b.entries {
		is = append(is, e.Platform.String())
	}
	return hint.Wrap(fmt.Errorf("digest %q is given as %s, and is for %s", b.Digest, b.Platform, strings.Join(is, ", ")),
		"see which build it is of; without \"%s=\" in front it counts as what it is", b.Platform)
}
