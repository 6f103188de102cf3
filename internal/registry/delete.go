package registry

import (
	"context"
	"errors"
	"net/http"

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

// Exists reports whether a repository has the manifest, with a HEAD request,
// which is no pull.
func (c *Client) Exists(ctx context.Context, p image.Pinned) (bool, error) {
	_, err := c.Resolve(ctx, p.Ref())
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
