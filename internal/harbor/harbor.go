// Package harbor is a client of the part of Harbor's API that sets a
// repository's description.
//
// https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
package harbor

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/webapi"
)

// Client calls the API as one user or robot.
type Client struct {
	api           *webapi.Client
	authorization secret.String
}

// New returns a client of the Harbor 2 at address; no request is made. Without
// a username, only what is public can be read.
func New(address, username string, password secret.String, base http.RoundTripper) (*Client, error) {
	api, err := webapi.New("Harbor", address, base)
	if err != nil {
		return nil, err
	}
	c := &Client{api: api}
	if username != "" {
		// https://www.rfc-editor.org/rfc/rfc7617
		c.authorization = secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password.Reveal())))
	}
	return c, nil
}

type repository struct {
	Description string `json:"description"`
}

// Description returns the Markdown that the page of a repository shows.
func (c *Client) Description(ctx context.Context, r image.Repository) (string, error) {
	var answer repository
	err := c.api.Call(ctx, c.request(http.MethodGet, r, nil), &answer)
	return answer.Description, explain(err, "read the page of", r)
}

// SetDescription changes it.
func (c *Client) SetDescription(ctx context.Context, r image.Repository, text string) error {
	return explain(c.api.Call(ctx, c.request(http.MethodPut, r, repository{text}), nil), "set the page of", r)
}

func (c *Client) request(method string, r image.Repository, body any) webapi.Request {
	project, name, _ := strings.Cut(r.Path(), "/")
	// A slash in the name is escaped twice, as Harbor wants it.
	path := "/api/v2.0/projects/" + project + "/repositories/" + url.PathEscape(url.PathEscape(name))
	return webapi.Request{Method: method, Path: path, Body: body, Authorization: c.authorization}
}

func explain(err error, what string, r image.Repository) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, webapi.ErrUnauthorized):
		err = hint.Wrap(err, "check the user name and the password; a robot's name has the prefix that Harbor shows, as in robot$project+name, "+
			"and with OpenID Connect the password is the CLI secret")
	case errors.Is(err, webapi.ErrForbidden):
		err = hint.Wrap(err, "the user must be a developer, maintainer or administrator of the project; a robot needs the permissions Read and Update of Repository")
	}
	return fmt.Errorf("%s %q: %w", what, r, err)
}
