// Package quay is a client of the part of Quay's API that sets a repository's
// description: of quay.io, and of Red Hat Quay elsewhere.
//
// https://docs.quay.io/api/swagger/
package quay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/webapi"
)

// Client calls the API with one OAuth access token.
type Client struct {
	api   *webapi.Client
	token secret.String
}

// New returns a client of the Quay at address; no request is made. The token
// is that of an OAuth application: robots and passwords may not use the API.
// Without one, only what is public can be read.
func New(address string, token secret.String, base http.RoundTripper) (*Client, error) {
	api, err := webapi.New("Quay", address, base)
	if err != nil {
		return nil, err
	}
	return &Client{api, token}, nil
}

type description struct {
	Description string `json:"description"`
}

// Description returns the Markdown that the page of a repository shows.
func (c *Client) Description(ctx context.Context, r image.Repository) (string, error) {
	var d description
	// Without its tags, of which there may be hundreds.
	err := c.api.Call(ctx, c.request(http.MethodGet, r, url.Values{"includeTags": {"false"}}, nil), &d)
	return d.Description, explain(err, "read the page of", r)
}

// SetDescription changes it.
func (c *Client) SetDescription(ctx context.Context, r image.Repository, text string) error {
	return explain(c.api.Call(ctx, c.request(http.MethodPut, r, nil, description{text}), nil), "set the page of", r)
}

func (c *Client) request(method string, r image.Repository, query url.Values, body any) webapi.Request {
	return webapi.Request{
		Method: method, Path: "/api/v1/repository/" + r.Path(), Query: query, Body: body, Authorization: webapi.Bearer(c.token),
	}
}

func explain(err error, what string, r image.Repository) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, webapi.ErrUnauthorized):
		err = hint.Wrap(err, "set \"password\" to an OAuth access token of an application of the organisation: Quay's API takes neither passwords nor robots' tokens")
	case errors.Is(err, webapi.ErrForbidden):
		err = hint.Wrap(err, "the OAuth access token needs the scope repo:write (\"View and Edit Repositories\"), of a user who may write to the repository; "+
			"Quay also answers so where there is no such repository")
	}
	return fmt.Errorf("%s %q: %w", what, r, err)
}
