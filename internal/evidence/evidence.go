// Package evidence keeps what is said of an image beside the image: Sigstore
// bundles as OCI referrers, the same ones in every registry. It finds and
// verifies those that are there, and adds those that are missing.
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
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// parallel bounds the work at once.
const parallel = 8

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

// Bundle is a bundle that was verified.
type Bundle struct {
	Content   []byte // the bundle itself, as JSON
	Statement intoto.Statement
	sigstore.Verified
}

// Found is what a registry has about a subject.
type Found struct {
	Bundles []Bundle // verified
	Refused []error  // why others do not count
}

// Reader finds the bundles that an identity signed.
type Reader struct {
	Registry *registry.Client
	Verifier *sigstore.Verifier
	Identity sigstore.Identity
}

// Find returns the bundles about subject in its registry whose statements are
// of the given predicate types. What does not verify is refused. An error means
// that the registry was not read to the end; what was found by then is returned.
func (r Reader) Find(ctx context.Context, subject image.Pinned, predicateTypes ...string) (Found, error) {
	referrers, err := r.Registry.Referrers(ctx, subject, sigstore.BundleMediaType)
	if err != nil {
		return Found{}, err
	}
	var found Found
	var errs []error
	for _, d := range referrers {
		// The annotation proves nothing, but who writes a false one hides their own.
		if said, ok := d.Annotations[predicateTypeAnnotation]; ok && !slices.Contains(predicateTypes, said) {
			continue
		}
		artifact, err := r.Registry.Artifact(ctx, subject.Repository.Pin(d.Digest))
		if errors.Is(err, registry.ErrNotFound) {
			found.Refused = append(found.Refused, err)
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		bundle, err := Check(r.Verifier, artifact.Content, subject.Digest, r.Identity)
		switch {
		case err != nil:
			found.Refused = append(found.Refused, fmt.Errorf("bundle %s: %w", d.Digest, err))
		case slices.Contains(predicateTypes, bundle.Statement.PredicateType):
			found.Bundles = append(found.Bundles, bundle)
		}
	}
	return found, errors.Join(errs...)
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
	return Bundle{Content: content, Statement: statement, Verified: verified}, nil
}
