// Package ghapi is a small typed client of the part of GitHub's REST API that
// a release needs: releases, their assets, the commit behind a tag, and
// attestations.
//
// It is the only importer of go-github, which lacks fields that matter here
// (an asset's digest, a release's immutability), so the types are its own.
// Retries are the transport's; an error says by errors.Is what kind it is, and
// carries the mend as a hint.
//
// https://docs.github.com/rest/releases
package ghapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/transport"
)

// DefaultAPIURL is the API of github.com.
const DefaultAPIURL = "https://api.github.com"

// Repository names a repository on GitHub: "owner/name".
type Repository struct{ Owner, Name string }

var repositoryGrammar = regexp.MustCompile(`^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$`)

// String returns "owner/name", or "" for the zero value.
func (r Repository) String() string {
	if r == (Repository{}) {
		return ""
	}
	return r.Owner + "/" + r.Name
}

// UnmarshalText parses "owner/name".
func (r *Repository) UnmarshalText(text []byte) error {
	if !repositoryGrammar.Match(text) {
		return hint.Wrap(fmt.Errorf("repository %q is not owner/name", text), "write it as in \"octocat/hello-world\"")
	}
	r.Owner, r.Name, _ = strings.Cut(string(text), "/")
	return nil
}

// Options configure New.
type Options struct {
	// APIURL is the root of the API, as GITHUB_API_URL has it; DefaultAPIURL
	// where empty.
	APIURL     string
	Repository Repository
	// Token is sent to the API and to where a release takes its uploads.
	Token secret.String
	// Transport does the requests, with retries; http.DefaultTransport where nil.
	Transport http.RoundTripper
}

// Client speaks about one repository. It is safe for concurrent use.
type Client struct {
	github     *github.Client
	repository Repository
	token      secret.String
}

// New returns a client; no request is made.
func New(o Options) (*Client, error) {
	if o.APIURL == "" {
		o.APIURL = DefaultAPIURL
	}
	base, err := url.Parse(strings.TrimSuffix(o.APIURL, "/") + "/")
	if err != nil || (base.Scheme != "https" && base.Scheme != "http") || base.Host == "" {
		return nil, fmt.Errorf("API address %q is not an http(s) URL", o.APIURL)
	}
	client := github.NewClient(&http.Client{Transport: o.Transport, CheckRedirect: checkRedirect})
	client.BaseURL = base
	return &Client{github: client, repository: o.Repository, token: o.Token}, nil
}

// ForJob returns a client for the repository that a job is of, as GITHUB_REPOSITORY
// has it.
func ForJob(repository string, o Options) (*Client, error) {
	if repository == "" {
		return nil, hint.New("nothing says which repository this is of", "run in a job of GitHub Actions, or set GITHUB_REPOSITORY")
	}
	if err := o.Repository.UnmarshalText([]byte(repository)); err != nil {
		return nil, err
	}
	return New(o)
}

// Repository returns the repository that the client speaks about.
func (c *Client) Repository() Repository { return c.repository }

// checkRedirect follows a renamed repository, and refuses what net/http would
// otherwise do to a write: send it on as a GET, whose success says nothing.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return errors.New("redirected too often")
	}
	if first := via[0]; req.Method != first.Method {
		return fmt.Errorf("%s %s was redirected as %s", first.Method, first.URL.Path, req.Method)
	}
	return nil
}

// path returns the path of something in the repository, its parts escaped.
func (c *Client) path(parts ...string) string {
	path := "repos/" + url.PathEscape(c.repository.Owner) + "/" + url.PathEscape(c.repository.Name)
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// tries bounds how often something is read whose answer was cut short, which no
// transport sees.
const tries = 3

// call sends body as JSON, where it isn't nil, and decodes the answer into out.
func (c *Client) call(ctx context.Context, method, path string, body, out any) (*github.Response, error) {
	for try := 1; ; try++ {
		req, err := c.github.NewRequest(method, path, body)
		if err != nil {
			return nil, err
		}
		resp, err := c.send(ctx, req, out)
		harmless := method == http.MethodGet || transport.IsReplayable(ctx)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !harmless || try == tries {
			return resp, err
		}
	}
}

func (c *Client) send(ctx context.Context, req *http.Request, out any) (*github.Response, error) {
	// The transport names the step; go-github would name itself.
	req.Header.Del("User-Agent")
	// Set on the request, not by a transport, so that a redirect to another
	// host doesn't take the token along.
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	resp, err := c.github.Do(ctx, req, out)
	return resp, classify(err, req.Method)
}
