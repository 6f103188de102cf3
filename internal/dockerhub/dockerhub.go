// Package dockerhub is a client of the part of Docker Hub's own API that sets
// a repository's descriptions. (Images go through the registry instead.)
//
// The login is documented; that a repository is changed by PATCH is not, but
// is what Docker Hub's pages and every action do.
//
// https://docs.docker.com/reference/api/hub/latest/
package dockerhub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
)

// DefaultURL is where Docker Hub is.
const DefaultURL = "https://hub.docker.com"

// The limits of the descriptions, in bytes of UTF-8.
const (
	MaxDescription     = 100
	MaxFullDescription = 25_000
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// Options configure New.
type Options struct {
	// URL is DefaultURL where empty. Plain http is for loopback only, since a
	// password is sent.
	URL      string
	Username string
	// Password is a password, or a personal access token of the scope "Read,
	// Write, Delete".
	Password secret.String
	// Transport does the requests, with retries; http.DefaultTransport where nil.
	Transport http.RoundTripper
}

// Client speaks for one account. It logs in when it must, and once.
type Client struct {
	base     *url.URL
	username string
	password secret.String
	http     *http.Client

	mu    sync.Mutex
	token secret.String

	organization atomic.Bool // whether the token is an organisation's
}

// New returns a client; no request is made.
func New(o Options) (*Client, error) {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname()))) {
		return nil, hint.Wrap(fmt.Errorf("address %q of Docker Hub is not an https URL", o.URL), "write it as in %q", DefaultURL)
	}
	return &Client{
		base: base, username: o.Username, password: o.Password,
		http: &http.Client{Transport: keepMethod{o.Transport}, CheckRedirect: sameHost},
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// keepMethod turns the redirects after which net/http would send a GET into
// those after which it repeats the request: Docker Hub moves a path to the one
// with a slash at its end, and a GET would succeed and change nothing.
type keepMethod struct{ base http.RoundTripper }

func (t keepMethod) RoundTrip(req *http.Request) (*http.Response, error) {
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(req)
	if err == nil && (resp.StatusCode == http.StatusMovedPermanently || resp.StatusCode == http.StatusFound) {
		resp.StatusCode = http.StatusPermanentRedirect
	}
	return resp, err
}

// sameHost keeps credentials, which the body of a login holds, where they are
// meant for.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("redirected to %s://%s", req.URL.Scheme, req.URL.Host)
	}
	return nil
}

// Page is what people read about a repository. A nil Description is not
// changed by an update.
type Page struct {
	Description     *string `json:"description,omitempty"`
	FullDescription string  `json:"full_description"`
}

// Page returns the page of a repository. It also finds out which of Docker
// Hub's two addresses takes the client's token: organisations' tokens may use
// the second alone.
func (c *Client) Page(ctx context.Context, r image.Repository) (Page, error) {
	token, err := c.login(ctx)
	if err != nil {
		return Page{}, err
	}
	var p Page
	err = c.call(ctx, http.MethodGet, c.path(r), token, nil, &p)
	if errors.Is(err, ErrForbidden) && !c.organization.Load() {
		if c.call(ctx, http.MethodGet, organizationPath(r), token, nil, &p) == nil {
			c.organization.Store(true)
			return p, nil
		}
	}
	return p, wrap(err, "read the page of", r)
}

// SetPage changes the page of a repository, after Page has read it.
func (c *Client) SetPage(ctx context.Context, r image.Repository, p Page) error {
	token, err := c.login(ctx)
	if err != nil {
		return err
	}
	// What a success answers is not relied on: it may be empty.
	return wrap(c.call(ctx, http.MethodPatch, c.path(r), token, p, nil), "set the page of", r)
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

func wrap(err error, what string, r image.Repository) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", what, r, err)
}

// login exchanges name and password for a token that lives some minutes.
func (c *Client) login(ctx context.Context) (secret.String, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.token.IsZero() {
		return c.token, nil
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err := c.call(ctx, http.MethodPost, "/v2/auth/token", secret.String{},
		map[string]string{"identifier": c.username, "secret": c.password.Reveal()}, &answer)
	switch {
	case errors.Is(err, ErrUnauthorized):
		err = hint.Wrap(err, "check the user name and the password or access token; an organisation's token goes with the organisation's name")
	case err == nil && answer.AccessToken == "":
		err = errors.New("the answer has no token")
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("log in to Docker Hub as %q: %w", c.username, err)
	}
	c.token = secret.New(answer.AccessToken)
	return c.token, nil
}

func (c *Client) call(ctx context.Context, method, path string, token secret.String, body, out any) error {
	var content io.Reader
	if body != nil {
		text, err := marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), content)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // all that matters is read below
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.base.Host, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return refused(resp.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the answer of %s is not the JSON it should be: %w", c.base.Host, err)
	}
	return nil
}

// marshal writes JSON without escaping <, > and &, which would only lengthen it.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return []byte(b.String()), err
}
