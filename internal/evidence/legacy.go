package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore"
)

// Layouts is the input that says how evidence is kept beside the image.
type Layouts struct {
	Legacy bool `input:"legacy"` // under cosign's tags, too
}

// Check refuses the legacy layout where nothing is entered in the log that it needs.
func (l Layouts) Check(i sigstore.Instance) error {
	if l.Legacy && len(i.RekorVersions) > 0 && !slices.Contains(i.RekorVersions, 1) {
		return hint.New("input \"legacy\" needs entries in a Rekor log of version 1, and \"rekor-version\" leaves it out",
			"set \"rekor-version: 1\" or \"1,2\", or leave out \"legacy\"")
	}
	return nil
}

// Layout is how a piece of evidence is kept beside the image.
type Layout string

// The layouts.
const (
	// Referrer is a Sigstore bundle that is an OCI referrer of the image.
	Referrer Layout = "bundle"
	// Legacy is a layer under one of the tags that cosign before 2.6.3 looks at.
	Legacy Layout = "legacy"
)

// The suffixes of these tags: of signatures, and of all other statements.
//
// https://github.com/sigstore/cosign/blob/v2.6.2/specs/SIGNATURE_SPEC.md#tag-based-discovery
const (
	signatureSuffix   = ".sig"
	attestationSuffix = ".att"
)

// attestedType is the annotation by which cosign finds attestations of a type.
const attestedType = "predicateType"

func legacyTag(subject image.Pinned, suffix string) image.Ref {
	return subject.Repository.Tag("sha256-" + subject.Digest.Hex() + suffix)
}

// suffixOf returns the suffix of the tag that statements of a type are under.
func suffixOf(predicateType string) string {
	if predicateType == intoto.CosignSign {
		return signatureSuffix
	}
	return attestationSuffix
}

// legacy is Find for what is under cosign's tags.
func (r Reader) legacy(ctx context.Context, subject image.Pinned, predicateTypes []string) (Found, error) {
	var suffixes []string
	for _, t := range predicateTypes {
		if suffix := suffixOf(t); !slices.Contains(suffixes, suffix) {
			suffixes = append(suffixes, suffix)
		}
	}
	found := make([]Found, len(suffixes))
	group, ctx := errgroup.WithContext(ctx)
	for n, suffix := range suffixes {
		group.Go(func() (err error) {
			found[n], err = r.under(ctx, legacyTag(subject, suffix), subject.Digest, predicateTypes)
			return err
		})
	}
	err := group.Wait()
	var all Found
	for _, f := range found {
		all.add(f)
	}
	return all, err
}

// under reads one of the tags.
func (r Reader) under(ctx context.Context, tag image.Ref, d image.Digest, predicateTypes []string) (found Found, err error) {
	want := sigstore.EnvelopeMediaType
	if strings.HasSuffix(tag.Tag, signatureSuffix) {
		want = sigstore.SimpleSigningMediaType
	}
	layers, err := r.Registry.Layers(ctx, tag, func(mediaType string, annotations map[string]string) bool {
		said, ok := annotations[attestedType] // as with bundles, who writes a false one hides their own
		return mediaType == want && (!ok || slices.Contains(predicateTypes, said))
	})
	found.Entries = len(layers)
	for n, l := range layers {
		bundle, err := verifyLayer(r.Verifier, sigstore.Layer(l), d, r.Identity)
		switch {
		case err != nil:
			found.Refused = append(found.Refused, fmt.Errorf("tag %q, layer %d of %d: %w", tag.Tag, n+1, len(layers), err))
		case slices.Contains(predicateTypes, bundle.Statement.PredicateType):
			found.Bundles = append(found.Bundles, bundle)
		}
	}
	return found, err
}

// verifyLayer verifies a layer as the bundle that it stands for.
func verifyLayer(v *sigstore.Verifier, l sigstore.Layer, d image.Digest, id sigstore.Identity) (Bundle, error) {
	content, err := l.Bundle()
	if err != nil {
		return Bundle{}, err
	}
	var b Bundle
	if l.MediaType == sigstore.EnvelopeMediaType {
		// A statement of this type is a signature among bundles only.
		if b, err = Check(v, content, d, id); err == nil && b.Statement.PredicateType == intoto.CosignSign {
			err = errors.New("it is a signature in the place of an attestation")
		}
	} else {
		b = Bundle{Content: content, Statement: intoto.Signature(d)}
		if b.Verified, err = v.VerifyMessage(content, l.Content, id); err == nil {
			err = checkPayload(l.Content, d)
		}
	}
	if err != nil {
		return Bundle{}, err
	}
	b.Layout, b.layer = Legacy, l
	return b, nil
}

// simpleSigning is what a signature under cosign's tag signs.
//
// https://github.com/containers/image/blob/v5.36.2/docs/containers-signature.5.md#json-data-format
type simpleSigning struct {
	Critical struct {
		Identity struct {
			DockerReference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			DockerManifestDigest image.Digest `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

const simpleSigningType = "cosign container image signature"

// newPayload returns what signs digest d. It has to name a repository, though
// cosign looks at the digest only, and one signature is to serve all of them: it
// is the first. An empty name would make the signature useless for podman and
// CRI-O, which can be told which name to expect.
func newPayload(repo image.Repository, d image.Digest) ([]byte, error) {
	var p simpleSigning
	p.Critical.Identity.DockerReference = repo.String()
	p.Critical.Image.DockerManifestDigest = d
	p.Critical.Type = simpleSigningType
	return json.Marshal(p)
}

// checkPayload checks that a signed payload is an image's signature, of d.
func checkPayload(payload []byte, d image.Digest) error {
	if err := intoto.Unambiguous(payload); err != nil {
		return fmt.Errorf("its payload: %w", err)
	}
	var p simpleSigning
	if err := json.Unmarshal(payload, &p); err != nil {
		return fmt.Errorf("its payload: %w", err)
	}
	if p.Critical.Type != simpleSigningType {
		return fmt.Errorf("its payload is of type %q, not %q", p.Critical.Type, simpleSigningType)
	}
	if p.Critical.Image.DockerManifestDigest != d {
		return fmt.Errorf("its payload is about %q, not %s", p.Critical.Image.DockerManifestDigest, d)
	}
	return nil
}

// signLegacy returns a new signature of the claim's digest as older verifiers look
// for it, which is of another text.
func (p Publisher) signLegacy(ctx context.Context, repo image.Repository, c Claim, id sigstore.Identity) (Bundle, error) {
	payload, err := newPayload(repo, c.Digest)
	if err != nil {
		return Bundle{}, err
	}
	return p.signText(ctx, c, payload, p.Signer.SignMessage, func(content []byte) (Bundle, error) {
		layer, err := p.Verifier.Layer(content, payload)
		if err != nil {
			return Bundle{}, err
		}
		return verifyLayer(p.Verifier, layer, c.Digest, id)
	})
}

// layerOf makes the layer that says the same as a bundle, whose log entry it shares.
func (p Publisher) layerOf(b Bundle, c Claim, id sigstore.Identity) (sigstore.Layer, error) {
	layer, err := p.Verifier.Layer(b.Content, nil)
	if err == nil {
		layer.Annotations[attestedType] = c.Statement.PredicateType
		_, err = verifyLayer(p.Verifier, layer, c.Digest, id)
	}
	if err != nil {
		return layer, fmt.Errorf("the legacy layout of %s for %s: %w", c.Statement.PredicateType, c.Digest, err)
	}
	return layer, nil
}
