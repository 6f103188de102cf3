// Package evidence keeps what is said of an image beside the image: Sigstore
// bundles as OCI referrers, the same ones in every registry, and on request what
// verifiers from before bundles look for. It finds and verifies what is there, and
// adds what is missing.
//
// Layout: https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// Annotations of a manifest that attaches a bundle, as cosign 3 writes them.
const (
	contentAnnotation       = "dev.sigstore.bundle.content"
	predicateTypeAnnotation = "dev.sigstore.bundle.predicateType"
)

// Subject is a manifest that things are said of: an index, or the image for
// one platform.
type Subject struct {
	Digest    image.Digest
	Platforms []image.Platform // that the image is for; none for an index
}

// String returns the platform, or "index".
func (s Subject) String() string {
	if len(s.Platforms) == 0 {
		return "index"
	}
	var names []string
	for _, p := range s.Platforms {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

// Subjects returns the index that p is and the images in it, or the one image.
func Subjects(ctx context.Context, r *registry.Client, p image.Pinned) ([]Subject, error) {
	platforms, err := r.Platforms(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(platforms) == 0 {
		return nil, fmt.Errorf("platforms of %q: %w", p, registry.ErrNotFound)
	}
	var subjects []Subject
	if platforms[0].Digest != p.Digest {
		subjects = append(subjects, Subject{Digest: p.Digest})
	}
	for _, m := range platforms {
		n := slices.IndexFunc(subjects, func(s Subject) bool { return s.Digest == m.Digest })
		if n < 0 {
			n = len(subjects)
			subjects = append(subjects, Subject{Digest: m.Digest})
		}
		subjects[n].Platforms = append(subjects[n].Platforms, m.Platform)
	}
	return subjects, nil
}

// Bundle is a piece of evidence that was verified.
type Bundle struct {
	Layout    Layout
	Content   []byte // as JSON: the bundle itself, or one that stands for a layer
	Statement intoto.Statement
	sigstore.Verified

	layer     sigstore.Layer // what it stands for
	mislisted bool           // others don't find it where it is
}

// Found is what a registry has about a subject.
type Found struct {
	Bundles []Bundle // verified
	Refused []error  // why others do not count
	Entries int      // that it lists, whatever they are
}

func (f *Found) add(other Found) {
	f.Bundles = append(f.Bundles, other.Bundles...)
	f.Refused = append(f.Refused, other.Refused...)
	f.Entries += other.Entries
}

// Reader finds the evidence that an identity signed.
type Reader struct {
	Registry *registry.Client
	Verifier *sigstore.Verifier
	Identity sigstore.Identity
}

// Find returns the evidence about subject in its registry whose statements are of
// the given predicate types: bundles, and for types that no bundle is of, what is
// under cosign's tags. A signature there counts as a statement of type
// intoto.CosignSign. What does not verify is refused. An error means that the
// registry was not read to the end; what was found by then is returned.
func (r Reader) Find(ctx context.Context, subject image.Pinned, predicateTypes ...string) (Found, error) {
	found, err := r.bundles(ctx, subject, predicateTypes)
	missing := slices.DeleteFunc(slices.Clone(predicateTypes), func(t string) bool {
		return slices.ContainsFunc(found.Bundles, func(b Bundle) bool { return b.Statement.PredicateType == t })
	})
	if len(missing) == 0 {
		return found, err
	}
	older, olderErr := r.legacy(ctx, subject, missing)
	found.add(older)
	return found, errors.Join(err, olderErr)
}

// bundles is Find for bundles.
func (r Reader) bundles(ctx context.Context, subject image.Pinned, predicateTypes []string) (Found, error) {
	listing, err := r.Registry.Listing(ctx, subject, sigstore.BundleMediaType)
	if err != nil {
		return Found{}, err
	}
	// The annotation proves nothing, but who writes a false one hides their own.
	others := func(d registry.Descriptor) bool {
		said, ok := d.Annotations[predicateTypeAnnotation]
		return ok && !slices.Contains(predicateTypes, said)
	}
	referrers := slices.DeleteFunc(listing.Referrers, others)
	found := Found{Entries: listing.Entries}
	for _, d := range slices.DeleteFunc(listing.Foreign, others) {
		found.Refused = append(found.Refused, fmt.Errorf("bundle %s is listed for it, and refers to %q", d.Digest, d.Subject))
	}
	read := make([]Found, len(referrers))
	err = parallel.Each(referrers, func(n int, d registry.Descriptor) error {
		artifact, err := r.Registry.Artifact(ctx, subject.Repository.Pin(d.Digest))
		if errors.Is(err, registry.ErrNotFound) {
			read[n].Refused = append(read[n].Refused, err)
			return nil
		}
		if err != nil {
			return err
		}
		bundle, err := Check(r.Verifier, artifact.Content, subject.Digest, r.Identity)
		switch {
		case err != nil:
			read[n].Refused = append(read[n].Refused, fmt.Errorf("bundle %s: %w", d.Digest, err))
		case slices.Contains(predicateTypes, bundle.Statement.PredicateType):
			bundle.mislisted = d.Mislisted
			read[n].Bundles = append(read[n].Bundles, bundle)
		}
		return nil
	})
	for _, f := range read {
		found.add(f)
	}
	return found, err
}

// Check verifies a bundle, wherever it was kept: that id signed it, and that its
// statement is about d and has one reading.
func Check(v *sigstore.Verifier, content []byte, d image.Digest, id sigstore.Identity) (Bundle, error) {
	verified, err := v.Verify(content, d, id)
	if err != nil {
		return Bundle{}, err
	}
	statement, err := intoto.Parse(verified.Statement)
	if err != nil {
		return Bundle{}, err
	}
	if !statement.About(d) {
		return Bundle{}, fmt.Errorf("its statement is not about %s", d)
	}
	return Bundle{Layout: Referrer, Content: content, Statement: statement, Verified: verified}, nil
}
