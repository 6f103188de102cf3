package ghapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// SetTag has a lightweight tag be at a commit, wherever it was.
//
// https://docs.github.com/rest/git/refs#update-a-reference
func (c *Client) SetTag(ctx context.Context, name, commit string) error {
	current, err := c.Tag(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
		_, err = c.call(ctx, http.MethodPost, c.path("git", "refs"), map[string]any{"ref": "refs/tags/" + name, "sha": commit}, nil)
	case err != nil:
		return err
	case current.Object != commit:
		_, err = c.call(ctx, http.MethodPatch, c.path("git", "refs", "tags")+"/"+url.PathEscape(name), map[string]any{"sha": commit, "force": true}, nil)
	}
	return wrap(err, "set tag %q to %s", name, commit)
}
