package ghapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/go-github/v60/github"

	"github.com/org/release-actions/internal/transport"
)

// Permission is one that a job grants to its token.
//
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#permissions
type Permission string

// The permissions that CheckWrite knows of.
const (
	Contents       Permission = "contents"
	SecurityEvents Permission = "security-events"
	Attestations   Permission = "attestations"
)

// probes are what CheckWrite posts to. Each needs a field that an empty object
// lacks; the first one stores nothing anyhow.
var probes = map[Permission][]string{
	Contents:       {"releases", "generate-notes"},
	SecurityEvents: {"code-scanning", "sarifs"},
	Attestations:   {"attestations"},
}

// CheckWrite finds out whether the token has a permission to write, without a
// trace: GitHub tells nobody what a job's token may do, but it looks at the
// permission before it looks at a request, and this one lacks what is required.
// It is nil where the request is refused for what it says, and ErrForbidden or
// ErrUnauthorized where the token is. Any other error doesn't tell.
//
// https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
func (c *Client) CheckWrite(ctx context.Context, p Permission) error {
	_, err := c.call(transport.Replayable(ctx), http.MethodPost, c.path(probes[p]...), struct{}{}, nil)
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && (answer.Response.StatusCode == http.StatusUnprocessableEntity || answer.Response.StatusCode == http.StatusBadRequest) {
		return nil
	}
	switch p {
	case SecurityEvents:
		err = codeScanning(err)
	default:
		err = permission(err, string(p)+": write")
	}
	return wrap(err, "check %q for %q", string(p)+": write", c.repository)
}

// PublishedRelease returns the release of a tag that everybody sees; ErrNotFound
// where there is none but a draft.
//
// https://docs.github.com/rest/releases/releases#get-a-release-by-tag-name
func (c *Client) PublishedRelease(ctx context.Context, tag string) (Release, error) {
	var r Release
	_, err := c.call(ctx, http.MethodGet, c.path("releases", "tags", tag), nil, &r)
	return r, wrap(err, "find release %q", tag)
}
