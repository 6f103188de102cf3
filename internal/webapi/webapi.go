// Package webapi calls the JSON APIs that registries have beside the one for
// images: one host, bounded answers, credentials that stay on that host, and
// errors that say their kind and their mend.
package webapi

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

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/transport"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 8 << 20
	// tries bounds how often a call is made whose answer breaks off. What gets no
	// answer is tried again by the transport.
	tries = 3
)

// Client calls one API.
type Client struct {
	name string
	base *url.URL
	http *http.Client
}

// New returns a client of the API at address; no request is made. The name is
// what errors call the service. Plain http is for loopback only, since
// credentials are sent. A nil base is http.DefaultTransport.
func New(name, address string, base http.RoundTripper) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname()))) {
		return nil, hint.New(fmt.Sprintf("address %q of %s is not an https URL", redact(address, u), name), "write it as in \"https://registry.example.com\"")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	return &Client{name, u, &http.Client{Transport: keepMethod{base}, CheckRedirect: sameHost}}, nil
}

// redact leaves the password out of an address that was parsed.
func redact(address string, u *url.URL) string {
	switch {
	case u != nil:
		return u.Redacted()
	case strings.Contains(address, "@"):
		return "***"
	}
	return address
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
	resp, err := t.base.RoundTrip(req)
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

// Request is one call. It must be harmless to send twice.
type Request struct {
	Method string
	Path   string // escaped, from the client's address
	Query  url.Values
	// Authorization is the header's value; none where empty.
	Authorization secret.String
	// Body is sent as JSON; none where nil.
	Body any
}

// Bearer is the value of an Authorization header with a token.
//
// https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func Bearer(token secret.String) secret.String {
	if token.IsZero() {
		return token
	}
	return secret.New("Bearer " + token.Reveal())
}

// Call sends a request and decodes the answer into out, unless out is nil:
// then the status is all that counts.
func (c *Client) Call(ctx context.Context, r Request, out any) error {
	body, err := marshal(r.Body)
	if err != nil {
		return err
	}
	ctx = transport.Replayable(ctx)
	for try := 1; ; try++ {
		status, answer, err := c.send(ctx, r, body)
		success := status >= 200 && status <= 299
		switch {
		case success && out == nil:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF) && try < tries:
			continue
		case err != nil:
			return hint.Wrap(err, "see whether %s can be reached, and run the job again", c.name)
		case !success:
			return c.refused(status, answer)
		}
		if err := json.Unmarshal(answer, out); err != nil {
			return hint.Wrap(fmt.Errorf("the answer of %s is not the JSON it should be: %w", c.base.Host, err),
				"check that the address is that of the API of %s", c.name)
		}
		return nil
	}
}

// send returns the status, and what came of the answer. The status is 0 where
// there is no answer.
func (c *Client) send(ctx context.Context, r Request, body []byte) (status int, answer []byte, err error) {
	u := c.base.JoinPath(r.Path)
	u.RawQuery = r.Query.Encode()
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), content)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.Authorization.IsZero() {
		req.Header.Set("Authorization", r.Authorization.Reveal())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // all that matters is read below
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		err = fmt.Errorf("read the answer of %s: %w", c.base.Host, err)
	}
	return resp.StatusCode, answer, err
}

// marshal writes JSON without escaping <, > and &, which would only lengthen it.
func marshal(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return b.Bytes(), err
}
