// Package dockerhub is a client of the part of Docker Hub's own API that sets
// what a repository's page shows, and of that which lists what the registry
// protocol doesn't, and deletes tags. (Images go through the registry instead.)
//
// The login is documented; that a repository is changed by PATCH is not, but
// is what Docker Hub's pages and every action do.
//
// https://docs.docker.com/reference/api/hub/latest/
package dockerhub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/webapi"
)

// DefaultURL is where Docker Hub is.
const DefaultURL = "https://hub.docker.com"

// The limits of a page: of the descriptions in bytes of UTF-8, and of the
// number of categories.
const (
	MaxDescription     = 100
	MaxFullDescription = 25_000
	MaxCategories      = 3
)

// tokenLife is how long the token of a login is used. It is good for ten
// minutes.
const tokenLife = 8 * time.Minute

// ErrLogin is why nothing that follows can work.
var ErrLogin = errors.New("log in to Docker Hub")

// Options configure New.
type Options struct {
	// URL is DefaultURL where empty. Plain http is for loopback only, since a
	// password is sent.
	URL string
	// Username is a user, or an organisation with its token. Without it, nobody
	// logs in, and only Page works, for what is public.
	Username string
	// Password is a password, a personal access token with "Read, Write, Delete",
	// or an organisation's access token with "Repository Edit".
	Password secret.String
	// Transport does the requests, with retries; http.DefaultTransport where nil.
	Transport http.RoundTripper
	// Now is the clock; time.Now where nil.
	Now func() time.Time
}

// Client speaks for one account. It logs in when it must, and once.
type Client struct {
	api *webapi.Client
	Options

	mu     sync.Mutex
	token  secret.String
	logged time.Time

	organization atomic.Bool // whether the token is an organisation's
}

// New returns a client; no request is made.
func New(o Options) (*Client, error) {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	api, err := webapi.New("Docker Hub", o.URL, o.Transport)
	if err != nil {
		return nil, err
	}
	return &Client{api: api, Options: o}, nil
}

// Page is what people read about a repository. A nil Description is not
// changed by an update.
type Page struct {
	Description     *string    `json:"description,omitempty"`
	FullDescription string     `json:"full_description"`
	Categories      []Category `json:"categories,omitempty"`
}

// Category is one of those under which Docker Hub lists repositories, by the
// name that its addresses have: "developer-tools". Docker Hub has a list.
//
// https://hub.docker.com/v2/categories
type Category struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// Page returns the page of a repository. It also finds out which of Docker
// Hub's two addresses takes the client's token: organisations' tokens may use
// the second alone.
//
// https://docs.docker.com/security/access-tokens/organization-access-tokens/#hub-api-support
func (c *Client) Page(ctx context.Context, r image.Repository) (Page, error) {
	var p Page
	err := c.either(ctx, r, http.MethodGet, "", &p)
	return p, c.explain(err, "read the page of", r)
}

// either calls the address that takes the token, below a repository's own.
func (c *Client) either(ctx context.Context, r image.Repository, method, below string, out any) error {
	err := c.call(ctx, webapi.Request{Method: method, Path: c.path(r) + below}, out)
	if errors.Is(err, webapi.ErrForbidden) && !errors.Is(err, ErrLogin) && !c.organization.Load() {
		err = c.call(ctx, webapi.Request{Method: method, Path: organizationPath(r) + below}, out)
		c.organization.Store(!errors.Is(err, webapi.ErrForbidden))
	}
	return err
}

// SetPage changes the descriptions of a repository, after Page has read them.
func (c *Client) SetPage(ctx context.Context, r image.Repository, p Page) error {
	p.Categories = nil
	// What a success answers is not relied on: it may be empty.
	return c.explain(c.call(ctx, webapi.Request{Method: http.MethodPatch, Path: c.path(r), Body: p}, nil), "set the page of", r)
}

// SetCategories changes the categories of a repository to those with the given
// slugs, after Page has read them. Of a category, Docker Hub takes the slug.
func (c *Client) SetCategories(ctx context.Context, r image.Repository, slugs []string) error {
	categories := make([]Category, len(slugs))
	for i, slug := range slugs {
		categories[i] = Category{slug, slug}
	}
	err := c.call(ctx, webapi.Request{Method: http.MethodPatch, Path: c.path(r) + "/categories", Body: categories}, nil)
	if errors.Is(err, webapi.ErrRefused) {
		err = hint.Wrap(err, "take categories of %s/v2/categories, by their slug", DefaultURL)
	}
	return c.explain(err, "set the categories of", r)
}

func (c *Client) path(r image.Repository) string {
	if c.organization.Load() {
		return organizationPath(r)
	}
	return "/v2/repositories/" + r.Path()
}

func organizationPath(r image.Repository) string {
	namespace, name, _ := strings.Cut(r.Path(), "/")
	return "/v2/namespaces/" + namespace + "/repositories/" + name
}

// explain says what failed, and which scope is missing.
//
// https://docs.docker.com/security/access-tokens/reference/
func (c *Client) explain(err error, what string, r image.Repository) error {
	const organization = "give the organisation's access token the scope \"Repository Edit\" (scope-repository-edit) for this repository"
	switch {
	case err == nil || errors.Is(err, ErrLogin):
		return err
	case errors.Is(err, webapi.ErrFirewall):
		err = hint.Wrap(err, "Docker Hub's firewall takes something in the text for an attack, such as a shell command: "+
			"find it, and leave it out with \"<!-- #region !dockerhub -->\"")
	case errors.Is(err, webapi.ErrForbidden) && c.organization.Load():
		err = hint.Wrap(err, organization)
	case errors.Is(err, webapi.ErrForbidden):
		err = hint.Wrap(err, "use a personal access token with the scope \"Read, Write, Delete\" (repo:admin), of an account that may administer "+
			"the repository: one that may push is not enough; or "+organization)
	case errors.Is(err, webapi.ErrUnauthorized):
		err = hint.Wrap(err, "check that the access token is still active, and run the job again")
	}
	return fmt.Errorf("%s %q: %w", what, r, err)
}

// call sends a request with the token of a login.
func (c *Client) call(ctx context.Context, r webapi.Request, out any) error {
	token, err := c.login(ctx)
	if err != nil {
		return err
	}
	r.Authorization = webapi.Bearer(token)
	return c.api.Call(ctx, r, out)
}

// login exchanges name and password for a token.
func (c *Client) login(ctx context.Context) (secret.String, error) {
	if c.Username == "" {
		return secret.String{}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.token.IsZero() && c.Now().Sub(c.logged) < tokenLife {
		return c.token, nil
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err := c.api.Call(ctx, webapi.Request{
		Method: http.MethodPost, Path: "/v2/auth/token",
		Body: map[string]string{"identifier": c.Username, "secret": c.Password.Reveal()},
	}, &answer)
	switch {
	case errors.Is(err, webapi.ErrUnauthorized), errors.Is(err, webapi.ErrForbidden):
		err = hint.Wrap(err, "check the user name and the password or access token: with two-factor or single sign-on a password is not enough, "+
			"and an organisation's token goes with the organisation's name")
	case err == nil && answer.AccessToken == "":
		err = errors.New("the answer has no token")
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("%w as %q: %w", ErrLogin, c.Username, err)
	}
	c.token, c.logged = secret.New(answer.AccessToken), c.Now()
	return c.token, nil
}
