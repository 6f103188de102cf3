package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/release-actions/internal/image"
)

// Manifest is an image manifest or an index, as the registry holds it.
type Manifest struct {
	MediaType string
	Raw       []byte
	Digest    image.Digest
}

// NewManifest returns the manifest or index that raw is.
func NewManifest(mediaType string, raw []byte) Manifest {
	sum := sha256.Sum256(raw)
	return Manifest{MediaType: mediaType, Raw: raw, Digest: image.Digest("sha256:" + hex.EncodeToString(sum[:]))}
}

// PlatformManifest is the image manifest for one platform.
type PlatformManifest struct {
	Platform image.Platform
	Digest   image.Digest
	Size     int64 // of the manifest itself, in bytes
}

// Resolve returns what ref points to, with one HEAD request, or a GET where a
// registry can't do that. Where ref has a tag and a digest they must agree.
// Where there is nothing it is ErrNotFound.
func (c *Client) Resolve(ctx context.Context, ref image.Ref) (image.Pinned, error) {
	s, err := c.session(ctx, ref.Repository, transport.PullScope)
	if err != nil {
		return image.Pinned{}, c.failRead("resolve", ref.Repository, ref, err)
	}
	d, err := s.head(ctx, ref)
	if err == nil && ref.Digest != "" && d.Digest.String() != string(ref.Digest) {
		err = fmt.Errorf("the tag points to %s", d.Digest)
	}
	if err != nil {
		return image.Pinned{}, c.failRead("resolve", ref.Repository, ref, err)
	}
	return ref.Repository.Pin(image.Digest(d.Digest.String())), nil
}

// Manifest returns the manifest or index. Its bytes have the digest.
func (c *Client) Manifest(ctx context.Context, p image.Pinned) (Manifest, error) {
	s, err := c.session(ctx, p.Repository, transport.PullScope)
	if err != nil {
		return Manifest{}, c.failRead("read", p.Repository, p, err)
	}
	m, err := s.manifest(ctx, p)
	return m, c.failRead("read", p.Repository, p, err)
}

// Platforms returns the image manifests of an index, or the one image that p
// is, each with its platform. Attestation manifests of BuildKit are left out.
func (c *Client) Platforms(ctx context.Context, p image.Pinned) ([]PlatformManifest, error) {
	m, err := c.Manifest(ctx, p)
	if err != nil {
		return nil, err
	}
	if !types.MediaType(m.MediaType).IsIndex() {
		platform, err := c.platform(ctx, p)
		if err != nil {
			return nil, c.failRead("read the platform of", p.Repository, p, err)
		}
		return []PlatformManifest{{Platform: platform, Digest: m.Digest, Size: int64(len(m.Raw))}}, nil
	}
	platforms, err := walkIndex(m.Raw, func(child image.Digest) ([]PlatformManifest, error) {
		return c.Platforms(ctx, p.Repository.Pin(child))
	})
	return platforms, c.failRead("read the index", p.Repository, p, err)
}

// walkIndex returns the image manifests of an index. Where its entry for one
// doesn't tell, look reads it.
func walkIndex(raw []byte, look func(image.Digest) ([]PlatformManifest, error)) ([]PlatformManifest, error) {
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	var platforms []PlatformManifest
	for _, d := range index.Manifests {
		if isAttestation(d) {
			continue
		}
		digest := image.Digest(d.Digest.String())
		if d.MediaType.IsIndex() || d.Platform == nil {
			nested, err := look(digest)
			if err != nil {
				return nil, err
			}
			platforms = append(platforms, nested...)
			continue
		}
		platform, err := parsePlatform(d.Platform.OS, d.Platform.Architecture, d.Platform.Variant)
		if err != nil {
			return nil, err
		}
		platforms = append(platforms, PlatformManifest{Platform: platform, Digest: digest, Size: d.Size})
	}
	return platforms, nil
}

// isAttestation reports whether d is not an image but BuildKit's provenance or
// SBOM of one.
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
func isAttestation(d v1.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" ||
		d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

func parsePlatform(os, arch, variant string) (image.Platform, error) {
	text := os + "/" + arch
	if variant != "" {
		text += "/" + variant
	}
	return image.ParsePlatform(text)
}

// platform reads the platform of one image from its config.
func (c *Client) platform(ctx context.Context, p image.Pinned) (image.Platform, error) {
	img, err := c.Image(ctx, p)
	if err != nil {
		return image.Platform{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return image.Platform{}, err
	}
	return parsePlatform(config.OS, config.Architecture, config.Variant)
}

// Image returns the image whose layers are read when they are asked for, under
// ctx. An index is an error: it is not one image.
func (c *Client) Image(ctx context.Context, p image.Pinned) (v1.Image, error) {
	s, err := c.session(ctx, p.Repository, transport.PullScope)
	if err != nil {
		return nil, c.failRead("read", p.Repository, p, err)
	}
	d, err := s.puller.Get(ctx, s.repo.Digest(string(p.Digest)))
	if err == nil && !mediaType(d.MediaType).IsImage() {
		err = fmt.Errorf("it is of type %s, not one image", mediaType(d.MediaType))
	}
	if err != nil {
		return nil, c.failRead("read", p.Repository, p, err)
	}
	d.MediaType = mediaType(d.MediaType)
	img, err := d.Image()
	return img, c.failRead("read", p.Repository, p, err)
}

// reference is how ggcr names ref: by its tag, else by its digest.
func (s *session) reference(ref image.Ref) name.Reference {
	if ref.Tag != "" {
		return s.repo.Tag(ref.Tag)
	}
	return s.repo.Digest(string(ref.Digest))
}

// head describes what ref points to.
func (s *session) head(ctx context.Context, ref image.Ref) (v1.Descriptor, error) {
	d, err := s.puller.Head(ctx, s.reference(ref))
	if err != nil && headRefused(err) {
		got, err := s.puller.Get(ctx, s.reference(ref))
		if err != nil {
			return v1.Descriptor{}, err
		}
		d = &got.Descriptor
	} else if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: mediaType(d.MediaType), Size: d.Size, Digest: d.Digest}, nil
}

// headRefused reports whether HEAD was the problem: the registry doesn't do
// it, or its answer lacks a header that it should have.
func headRefused(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
			return true
		}
		return false
	}
	var network interface{ Timeout() bool }
	return !errors.As(err, &network) && !errors.Is(err, context.Canceled)
}

func (s *session) manifest(ctx context.Context, p image.Pinned) (Manifest, error) {
	d, err := s.puller.Get(ctx, s.repo.Digest(string(p.Digest)))
	if err != nil {
		return Manifest{}, err
	}
	return Manifest{MediaType: string(mediaType(d.MediaType)), Raw: d.Manifest, Digest: p.Digest}, nil
}

// mediaType is t without the parameters that some registries add.
func mediaType(t types.MediaType) types.MediaType {
	if bare, _, err := mime.ParseMediaType(string(t)); err == nil {
		return types.MediaType(bare)
	}
	return t
}
