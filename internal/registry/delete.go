package registry

import (
	"context"
	"errors"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// deleting is what who deletes a manifest must be allowed.
var deleting = right{"write", "Admin", "Read, Write, Delete"}

// DeleteManifest removes a manifest or an index; which of its tags go with it
// differs between registries. It is ErrUnsupported where the registry doesn't
// delete, ErrDenied where the login may not or where something refers to the
// manifest, which some registries check, and ErrNotFound where it isn't there.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
func (c *Client) DeleteManifest(ctx context.Context, p image.Pinned) error {
	s, err := c.session(ctx, p.Repository, transport.DeleteScope)
	if err == nil {
		_, err = s.do(ctx, http.MethodDelete, s.url("manifests/"+string(p.Digest)), nil, nil,
			http.StatusAccepted, http.StatusOK, http.StatusNoContent)
	}
	err = c.fail(deleting, "delete", p.Repository, p, err)
	switch {
	case errors.Is(err, ErrUnsupported):
		err = hint.Wrap(err, "turn on deletion in the registry's configuration (storage.delete.enabled, REGISTRY_STORAGE_DELETE_ENABLED=true), or leave this repository out")
	case errors.Is(err, ErrDenied) && p.Repository.Host() == image.DockerHub:
		err = hint.Wrap(err, "Docker Hub refuses this also where a tag or an index still refers to the manifest")
	}
	return err
}

// ListedReferrers returns what the Referrers API lists for p, as it is listed:
// nothing is read, so that it is one request. Where the registry has no such API
// it is ErrUnsupported: there the fallback tag tells.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
func (c *Client) ListedReferrers(ctx context.Context, p image.Pinned) ([]Descriptor, error) {
	s, err := c.session(ctx, p.Repository, transport.PullScope)
	if err != nil {
		return nil, c.failRead("list the referrers of", p.Repository, p, err)
	}
	listed, api, err := s.askReferrers(ctx, p.Digest)
	if err == nil && !api {
		return nil, ErrUnsupported
	}
	found := make([]Descriptor, len(listed))
	for n, d := range listed {
		found[n] = Descriptor{
			Digest: image.Digest(d.Digest.String()), ArtifactType: d.ArtifactType, MediaType: string(d.MediaType), Annotations: d.Annotations, Size: d.Size,
		}
	}
	return found, c.failRead("list the referrers of", p.Repository, p, err)
}

// Blob reads a blob of a known size, in bytes, up to 64 MiB.
func (c *Client) Blob(ctx context.Context, p image.Pinned, size int64) ([]byte, error) {
	s, err := c.session(ctx, p.Repository, transport.PullScope)
	var content []byte
	if err == nil {
		var hash v1.Hash
		if hash, err = v1.NewHash(string(p.Digest)); err == nil {
			content, err = s.content(ctx, v1.Descriptor{Digest: hash, Size: size})
		}
	}
	return content, c.failRead("read the blob", p.Repository, p, err)
}

// Exists reports whether a repository has the manifest, with a HEAD request,
// which is no pull.
func (c *Client) Exists(ctx context.Context, p image.Pinned) (bool, error) {
	_, err := c.Resolve(ctx, p.Ref())
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
