package evidence

import (
	"cmp"
	"context"
	"slices"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/parallel"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/sigstore"
)

// known is what is there, by the identity that would sign.
type known map[place][]Bundle

// madeBy reports whether b is evidence for the claim.
func (c Claim) madeBy(b Bundle) bool {
	return b.Statement.About(c.Digest) && b.Statement.SamePredicate(c.Statement)
}

func (c Claim) isSignature() bool { return c.Statement.PredicateType == intoto.CosignSign }

// earliest returns the oldest evidence for the claim in a layout, so that every
// run chooses the same.
func (k known) earliest(c Claim, layout Layout) (Bundle, bool) {
	var fit []Bundle
	for at, bundles := range k {
		if at.digest != c.Digest {
			continue
		}
		for _, b := range bundles {
			if b.Layout == layout && c.madeBy(b) {
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

// lack is a claim that a registry has no evidence for, in a layout.
type lack struct {
	place
	claim  int
	layout Layout
}

// lacks returns what is missing where.
func (k known) lacks(repos []image.Repository, claims []Claim, layouts []Layout) []lack {
	var all []lack
	for _, repo := range repos {
		for n, c := range claims {
			for _, layout := range layouts {
				at := place{repo, c.Digest}
				if !slices.ContainsFunc(k[at], func(b Bundle) bool { return b.Layout == layout && !b.mislisted && c.madeBy(b) }) {
					all = append(all, lack{at, n, layout})
				}
			}
		}
	}
	return all
}

// attach adds what the repositories lack: what has one list in a registry at one
// go, and all lists at once, whatever becomes of the others.
func (p Publisher) attach(ctx context.Context, claims []Claim, all []made, early staging) error {
	type list struct {
		place
		suffix string // of cosign's tag; none for the referrers
	}
	var lists []list
	wanting := map[list][]lack{}
	for _, l := range early.lacks {
		in := list{place: l.place}
		if l.layout == Legacy {
			in.suffix = suffixOf(claims[l.claim].Statement.PredicateType)
		}
		if wanting[in] == nil {
			lists = append(lists, in)
		}
		wanting[in] = append(wanting[in], l)
	}
	errs := make([]error, len(lists))
	_ = parallel.Each(lists, func(n int, in list) error { // errs has them
		early.wait(in.place)
		errs[n] = p.attachTo(ctx, in.pinned(), in.suffix, wanting[in], all)
		return nil
	})
	var missing []lack
	var why []failure
	for n, in := range lists {
		if errs[n] != nil {
			missing = append(missing, wanting[in]...)
			why = append(why, failure{in.repo, errs[n]})
		}
	}
	if why == nil {
		return nil
	}
	return p.incomplete(claims, missing, len(early.lacks), why...)
}

func (p Publisher) attachTo(ctx context.Context, subject image.Pinned, suffix string, lacks []lack, all []made) error {
	if suffix != "" {
		var layers []registry.Layer
		for _, l := range lacks {
			layers = append(layers, registry.Layer(all[l.claim].layer))
		}
		return p.Registry.AppendLayers(ctx, legacyTag(subject, suffix), layers...)
	}
	var artifacts []registry.Artifact
	for _, l := range lacks {
		b := all[l.claim].bundle
		artifacts = append(artifacts, registry.Artifact{
			ArtifactType: sigstore.BundleMediaType,
			MediaType:    sigstore.BundleMediaType,
			Annotations: map[string]string{
				contentAnnotation:       "dsse-envelope",
				predicateTypeAnnotation: b.Statement.PredicateType,
			},
			Content: b.Content,
		})
	}
	_, err := p.Registry.Attach(ctx, subject, artifacts...)
	return err
}
