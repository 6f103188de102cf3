package evidence

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
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
	Layouts
	Subjects []Subject // what digests are, for people; may be empty
	Registry *registry.Client
	Signer   *sigstore.Signer
	Verifier *sigstore.Verifier
	Log      *slog.Logger
}

// NewPublisher returns a publisher that signs with instance as the job that
// token speaks for. One signature takes a little more than retryFor at most.
func NewPublisher(ctx context.Context, r *registry.Client, instance sigstore.Instance, token sigstore.TokenSource,
	retryFor time.Duration, o sigstore.Options) (Publisher, error) {
	signer, err := sigstore.NewSigner(ctx, instance, token, retryFor, o)
	if err != nil {
		return Publisher{}, err
	}
	verifier, err := signer.Verifier(ctx)
	return Publisher{Registry: r, Signer: signer, Verifier: verifier, Log: o.Log}, err
}

// Warm asks the images' registries and who the job is what is sure to be needed, all
// at once, for a step that has other things to find out first. What goes wrong comes
// again in Publish.
func (p Publisher) Warm(ctx context.Context, images []image.Pinned) {
	var both sync.WaitGroup
	both.Go(func() { p.Registry.Warm(ctx, images...) })
	both.Go(func() { _, _ = p.Signer.Identity(ctx) }) // as said above
	both.Wait()
}

// Publish sees to it that each repository has a bundle for each claim, signed
// by the job's identity, and returns one for each claim in order; and with the
// legacy layout a layer, too. What says the same and verifies is kept, and copied
// to where it is missing, so that nothing is signed twice however often this runs.
// Nothing is attached before everything is signed. An error says what is missing where.
func (p Publisher) Publish(ctx context.Context, repos []image.Repository, claims []Claim) ([]Bundle, error) {
	id, err := p.Signer.Identity(ctx)
	if err != nil {
		return nil, err
	}
	found, err := p.read(ctx, repos, claims, id)
	if err != nil {
		return nil, fmt.Errorf("read what is signed already: %w", err)
	}
	lacks := found.lacks(repos, claims, p.layouts())
	ctx, stop := context.WithCancel(ctx)
	early := p.stage(lacks)
	defer early.end()
	defer stop()
	all, err := p.sign(ctx, repos, claims, id, found, early)
	if err != nil {
		return nil, p.incomplete(claims, lacks, len(lacks), failure{err: err})
	}
	if err := p.attach(ctx, claims, all, early); err != nil {
		return nil, err
	}
	bundles := make([]Bundle, len(all))
	for n := range all {
		bundles[n] = all[n].bundle
	}
	return bundles, nil
}

// layouts returns those that are written.
func (p Publisher) layouts() []Layout {
	if p.Legacy {
		return []Layout{Referrer, Legacy}
	}
	return []Layout{Referrer}
}

// place is where a digest may have evidence.
type place struct {
	repo   image.Repository
	digest image.Digest
}

func (p place) pinned() image.Pinned { return p.repo.Pin(p.digest) }

// read finds what is there by id, in all repositories at once.
func (p Publisher) read(ctx context.Context, repos []image.Repository, claims []Claim, id sigstore.Identity) (known, error) {
	types := map[image.Digest][]string{}
	for _, c := range claims {
		types[c.Digest] = append(types[c.Digest], c.Statement.PredicateType)
	}
	type look struct {
		place
		layout Layout
	}
	var looks []look
	for _, repo := range repos {
		for digest := range types {
			for _, layout := range p.layouts() {
				looks = append(looks, look{place{repo, digest}, layout})
			}
		}
	}
	reader := Reader{Registry: p.Registry, Verifier: p.Verifier, Identity: id}
	read := make([]Found, len(looks))
	var once sync.Once
	err := each(ctx, looks, func(inner context.Context, n int, l look) (err error) {
		if l.layout == Legacy {
			read[n], err = reader.legacy(inner, l.pinned(), types[l.digest])
		} else {
			read[n], err = reader.bundles(inner, l.pinned(), types[l.digest])
		}
		if err == nil && len(read[n].Bundles) == 0 {
			// Nearly certain to be signed: the certificate may come while others are read.
			once.Do(func() { go p.Signer.Prepare(ctx) })
		}
		return err
	})
	found := known{}
	for n, l := range looks {
		for _, b := range read[n].Bundles {
			// A bundle that has no legacy layout can't be what both are made of.
			if p.Legacy && l.layout == Referrer && suffixOf(b.Statement.PredicateType) == attestationSuffix {
				if _, err := p.Verifier.Layer(b.Content, nil); err != nil {
					read[n].Refused = append(read[n].Refused, err)
					continue
				}
			}
			found[l.place] = append(found[l.place], b)
		}
		for _, why := range read[n].Refused {
			p.Log.Debug("passed over", "image", l.pinned().String(), "because", why)
		}
	}
	return found, err
}

// made is the evidence for a claim, in each layout.
type made struct {
	bundle Bundle
	layer  sigstore.Layer
}

// sign returns the evidence for each claim: the earliest that is anywhere, or
// new one, which must pass the same verification as any other.
func (p Publisher) sign(ctx context.Context, repos []image.Repository, claims []Claim, id sigstore.Identity, found known, early staging) ([]made, error) {
	type task struct {
		claim  int
		layout Layout
	}
	var tasks []task
	for n, c := range claims {
		tasks = append(tasks, task{n, Referrer})
		if p.Legacy && c.isSignature() {
			tasks = append(tasks, task{n, Legacy}) // of another text
		}
	}
	all := make([]made, len(claims))
	err := each(ctx, tasks, func(inner context.Context, _ int, t task) (err error) {
		c := claims[t.claim]
		b, kept := found.earliest(c, t.layout)
		switch {
		case kept:
			p.Log.Info("kept", "digest", string(c.Digest), "predicate", c.Statement.PredicateType, "layout", string(t.layout), "log-index", b.LogIndex)
		case t.layout == Legacy:
			b, err = p.signLegacy(inner, repos[0], c, id)
		default:
			give := early.begin(ctx, t.claim)
			b, err = p.Sign(inner, c, id)
			give(b.Content, err)
		}
		if err != nil {
			return err
		}
		if t.layout == Legacy {
			all[t.claim].layer = b.layer
		} else {
			all[t.claim].bundle = b
		}
		return nil
	})
	if err != nil || !p.Legacy {
		return all, err
	}
	for n, c := range claims {
		if !c.isSignature() {
			all[n].layer, err = p.layerOf(all[n].bundle, c, id)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// Sign returns a new bundle for the claim, signed by the job's identity id. It
// passed the same verification as any other, and is attached to nothing.
func (p Publisher) Sign(ctx context.Context, c Claim, id sigstore.Identity) (Bundle, error) {
	text, err := c.Statement.Marshal()
	if err != nil {
		return Bundle{}, err
	}
	return p.signText(ctx, c, text, p.Signer.Sign, func(content []byte) (Bundle, error) {
		return Check(p.Verifier, content, c.Digest, id)
	})
}

// signText signs what stands for a claim, and checks what came out.
func (p Publisher) signText(ctx context.Context, c Claim, text []byte,
	sign func(context.Context, []byte) ([]byte, error), check func(content []byte) (Bundle, error)) (Bundle, error) {
	content, err := sign(ctx, text)
	if err != nil {
		return Bundle{}, fmt.Errorf("sign %s: %w", c.Digest, err)
	}
	b, err := check(content)
	if err != nil {
		return Bundle{}, hint.Wrap(fmt.Errorf("verify the new signature of %s: %w", c.Digest, err),
			"trusted-root and signing-config must describe the same Sigstore instance")
	}
	p.Log.Info("signed", "digest", string(c.Digest), "predicate", c.Statement.PredicateType, "layout", string(b.Layout), "log-index", b.LogIndex)
	return b, nil
}

// atOnce bounds the work at once: an index and three platforms have twelve
// attestations, whose time is mostly the log's.
const atOnce = 16

// each calls do for all items, several at once, until the first error.
func each[T any](ctx context.Context, items []T, do func(ctx context.Context, n int, item T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
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
