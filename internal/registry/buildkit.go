package registry

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/image"
)

// BuildAttestation is an in-toto statement that BuildKit put beside an image,
// unsigned.
type BuildAttestation struct {
	Image     image.Digest // that it is about, as the index says
	Digest    image.Digest // of Statement
	MediaType string
	Statement []byte
}

// BuildAttestations returns what BuildKit attested of the images in an index,
// of predicate types that start with prefix. An image alone has nothing.
//
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
func (c *Client) BuildAttestations(ctx context.Context, p image.Pinned, prefix string) ([]BuildAttestation, error) {
	found, err := c.buildAttestations(ctx, p, prefix)
	return found, c.failRead("read BuildKit's attestations of", p.Repository, p, err)
}

func (c *Client) buildAttestations(ctx context.Context, p image.Pinned, prefix string) ([]BuildAttestation, error) {
	s, err := c.session(ctx, p.Repository, transport.PullScope)
	if err != nil {
		return nil, err
	}
	m, err := s.manifest(ctx, p)
	if err != nil || !types.MediaType(m.MediaType).IsIndex() {
		return nil, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(m.Raw))
	if err != nil {
		return nil, err
	}
	read := make([][]BuildAttestation, len(index.Manifests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for n, d := range index.Manifests {
		about, err := image.ParseDigest(d.Annotations[subjectAnnotation])
		if !isAttestation(d) || err != nil {
			continue
		}
		group.Go(func() error {
			var err error
			read[n], err = s.statements(ctx, p.Repository.Pin(image.Digest(d.Digest.String())), about, prefix)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var found []BuildAttestation
	for _, statements := range read {
		found = append(found, statements...)
	}
	return found, nil
}

// statements reads the attestation manifest at, which is about an image.
func (s *session) statements(ctx context.Context, at image.Pinned, about image.Digest, prefix string) ([]BuildAttestation, error) {
	m, err := s.manifest(ctx, at)
	if err != nil {
		return nil, err
	}
	r, err := parseReferrer(m)
	if err != nil {
		return nil, fmt.Errorf("attestation manifest %s: %w", at.Digest, err)
	}
	var found []BuildAttestation
	for _, layer := range r.Layers {
		if !strings.HasPrefix(layer.Annotations["in-toto.io/predicate-type"], prefix) {
			continue
		}
		content, err := s.content(ctx, layer)
		if err != nil {
			return nil, fmt.Errorf("attestation manifest %s: %w", at.Digest, err)
		}
		found = append(found, BuildAttestation{
			Image: about, Digest: image.Digest(layer.Digest.String()), MediaType: string(layer.MediaType), Statement: content,
		})
	}
	return found, nil
}
