package evidence

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// Claim is a statement to sign and attach to the digest that it is about.
type Claim struct {
	Digest    image.Digest
	Statement intoto.Statement
}

// Publisher signs claims and attaches the bundles.
type Publisher struct {
	Registry *registry.Client
	Signer   *sigstore.Signer
	Verifier *sigstore.Verifier
	Log      *slog.Logger
}

// NewPublisher returns a publisher that signs with instance as the job that
// token speaks for. One signature takes a little more than retryFor at most.
func NewPublisher(ctx context.Context, r *registry.Client, instance sigstore.Instance, token sigstore.TokenSource,
	retryFor time.Duration, o sigstore.Options) (Publisher, error) {
	verifier, err := sigstore.NewVerifier(ctx, instance.Trust, o)
	if err != nil {
		return Publisher{}, err
	}
	signer, err := sigstore.NewSigner(ctx, instance, token, retryFor, o)
	return Publisher{Registry: r, Signer: signer, Verifier: verifier, Log: o.Log}, err
}

// Publish sees to it that each repository has a bundle for each claim, signed
// by the job's identity, and returns one for each claim in order. A bundle that
// says the same and verifies is kept, and copied to where it is missing, so
// that nothing is signed twice however often this runs. Nothing is attached
// before everything is signed.
func (p Publisher) Publish(ctx context.Context, repos []image.Repository, claims []Claim) ([]Bundle, error) {
	id, err := p.Signer.Identity(ctx)
	if err != nil {
		return nil, err
	}
	found, err := p.read(ctx, repos, claims, id)
	if err != nil {
		return nil, fmt.Errorf("read what is signed already: %w", err)
	}
	bundles, err := p.sign(ctx, claims, id, found)
	if err != nil {
		return nil, err
	}
	return bundles, p.attach(ctx, repos, claims, bundles, found)
}

// place is where a digest may have bundles.
type place struct {
	repo   image.Repository
	digest image.Digest
}

func (p place) pinned() image.Pinned { return p.repo.Pin(p.digest) }

// read finds the bundles that are there by id, in all repositories at once.
func (p Publisher) read(ctx context.Context, repos []image.Repository, claims []Claim, id sigstore.Identity) (map[place][]Bundle, error) {
	types := map[image.Digest][]string{}
	for _, c := range claims {
		types[c.Digest] = append(types[c.Digest], c.Statement.PredicateType)
	}
	var places []place
	for _, repo := range repos {
		for digest := range types {
			places = append(places, place{repo, digest})
		}
	}
	reader := Reader{Registry: p.Registry, Verifier: p.Verifier, Identity: id}
	read := make([]Found, len(places))
	err := each(ctx, places, func(ctx context.Context, n int, at place) (err error) {
		read[n], err = reader.Find(ctx, at.pinned(), types[at.digest]...)
		return err
	})
	found := map[place][]Bundle{}
	for n, at := range places {
		found[at] = read[n].Bundles
		for _, why := range read[n].Refused {
			p.Log.Debug("passed over", "image", at.pinned().String(), "because", why)
		}
	}
	return found, err
}

// sign returns a bundle for each claim: the earliest that is anywhere, or a new
// one, which must pass the same verification as any other.
func (p Publisher) sign(ctx context.Context, claims []Claim, id sigstore.Identity, found map[place][]Bundle) ([]Bundle, error) {
	bundles := make([]Bundle, len(claims))
	err := each(ctx, claims, func(ctx context.Context, n int, c Claim) error {
		if kept, ok := earliest(c, found); ok {
			p.Log.Info("kept", "digest", string(c.Digest), "predicate", c.Statement.PredicateType, "log-index", kept.LogIndex)
			bundles[n] = kept
			return nil
		}
		text, err := c.Statement.Marshal()
		if err != nil {
			return err
		}
		content, err := p.Signer.Sign(ctx, text)
		if err != nil {
			return fmt.Errorf("sign %s: %w; nothing was attached", c.Digest, err)
		}
		bundles[n], err = verify(p.Verifier, content, c.Digest, id)
		if err != nil {
			return hint.Wrap(fmt.Errorf("verify the new signature of %s: %w; nothing was attached", c.Digest, err),
				"trusted-root and signing-config must describe the same Sigstore instance")
		}
		p.Log.Info("signed", "digest", string(c.Digest), "predicate", c.Statement.PredicateType, "log-index", bundles[n].LogIndex)
		return nil
	})
	return bundles, err
}

// attach adds the bundles to the repositories that lack them.
func (p Publisher) attach(ctx context.Context, repos []image.Repository, claims []Claim, bundles []Bundle, found map[place][]Bundle) error {
	type task struct {
		place
		bundle Bundle
	}
	var tasks []task
	for n, c := range claims {
		for _, repo := range repos {
			at := place{repo, c.Digest}
			if !slices.ContainsFunc(found[at], c.madeBy) {
				tasks = append(tasks, task{at, bundles[n]})
			}
		}
	}
	done := make([]bool, len(tasks))
	err := each(ctx, tasks, func(ctx context.Context, n int, t task) error {
		_, err := p.Registry.Attach(ctx, t.pinned(), registry.Artifact{
			ArtifactType: sigstore.BundleMediaType,
			MediaType:    sigstore.BundleMediaType,
			Annotations: map[string]string{
				contentAnnotation:       "dsse-envelope",
				predicateTypeAnnotation: t.bundle.Statement.PredicateType,
			},
			Content: t.bundle.Content,
		})
		done[n] = err == nil
		return err
	})
	if err == nil {
		return nil
	}
	attached := 0
	for _, ok := range done {
		if ok {
			attached++
		}
	}
	return hint.Wrap(fmt.Errorf("attached %d of %d bundles: %w", attached, len(tasks), err), "run the job again: it adds only what is missing")
}

// madeBy reports whether b is a bundle for the claim.
func (c Claim) madeBy(b Bundle) bool {
	return b.Statement.About(c.Digest) && b.Statement.SamePredicate(c.Statement)
}

// earliest returns the oldest bundle for the claim, so that every run chooses
// the same one.
func earliest(c Claim, found map[place][]Bundle) (Bundle, bool) {
	var fit []Bundle
	for at, bundles := range found {
		if at.digest != c.Digest {
			continue
		}
		for _, b := range bundles {
			if c.madeBy(b) {
				fit = append(fit, b)
			}
		}
	}
	if len(fit) == 0 {
		return Bundle{}, false
	}
	return slices.MinFunc(fit, func(a, b Bundle) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.LogIndex, b.LogIndex))
	}), true
}

// each calls do for all items, several at once, until the first error.
func each[T any](ctx context.Context, items []T, do func(ctx context.Context, n int, item T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for n, item := range items {
		group.Go(func() error {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			return do(ctx, n, item)
		})
	}
	return group.Wait()
}

// Save writes the bundles to files in dir, the nth by name(n), and returns
// their paths in order.
func Save(dir string, bundles []Bundle, name func(n int) string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documents for others to read
		return nil, fmt.Errorf("save the bundles: %w", err)
	}
	var paths []string
	for n, b := range bundles {
		path := filepath.Join(dir, name(n))
		if err := os.WriteFile(path, b.Content, 0o644); err != nil {
			return paths, fmt.Errorf("save the bundles: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
