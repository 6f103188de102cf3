package dockerhub

import (
	"context"
	"net/http"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/webapi"
)

// CheckAdmin finds out whether the login may set the page of a repository: it
// sets the short description that is there. Docker Hub says no other way what an
// access token is good for: what it lets read is the same for all.
//
// https://docs.docker.com/security/access-tokens/reference/
func (c *Client) CheckAdmin(ctx context.Context, r image.Repository) error {
	have, err := c.Page(ctx, r)
	if err != nil {
		return err
	}
	same := map[string]string{}
	if have.Description != nil {
		same["description"] = *have.Description
	}
	return c.explain(c.call(ctx, webapi.Request{Method: http.MethodPatch, Path: c.path(r), Body: same}, nil), "check who may set the page of", r)
}
