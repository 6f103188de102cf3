package registry

import (
	"context"
	"errors"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/release-actions/internal/image"
)

// Tags returns all tags of a repository, page by page; none where there is no
// such repository yet.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
func (c *Client) Tags(ctx context.Context, repo image.Repository) ([]string, error) {
	s, err := c.session(ctx, repo, transport.PullScope)
	var tags []string
	if err == nil {
		tags, err = s.puller.List(ctx, s.repo)
	}
	err = c.failRead("list the tags of", repo, repo, err)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return tags, err
}
