// Package transport is the one way to the network: an http.RoundTripper that
// retries what may pass, with backoff and within bounds, and does as the
// server asks (429 and Retry-After).
package transport

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// DefaultRetryFor bounds the retries where nothing else is said.
const DefaultRetryFor = 2 * time.Minute

// maxErrorBody bounds what is kept of the body of a response that is retried.
const maxErrorBody = 64 << 10

// Options configure New. The zero value is usable.
type Options struct {
	// Base does the round trips; where nil, one like http.DefaultTransport that
	// gives up on a server that is silent for a minute.
	Base http.RoundTripper
	// RetryFor bounds the time that is spent on retries, waiting included, by all
	// requests together; DefaultRetryFor where 0, one try only where negative.
	RetryFor time.Duration
	// UserAgent is sent with requests that have none.
	UserAgent string
	// Log tells what is waited for, and how long still; discarded where nil.
	Log *slog.Logger
}

// impatient is shared, so that all clients of a process share connections.
var impatient = func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	t.MaxIdleConnsPerHost = 16 // what is asked at once, so that it need not shake hands the next time
	return t
}()

// readRoots reads the system's certificate authorities, hundreds of files, while the
// first connection is made rather than when it must be verified.
var readRoots = sync.OnceFunc(func() {
	go func() { _, _ = x509.SystemCertPool() }() // crypto/tls meets the error, too
})

type replayable struct{}

// Replayable marks the requests of the returned context as harmless to send
// twice, as a POST to a transparency log is. Other POSTs are sent again only
// where the server can't have acted on them: it was not reached, or answered
// 429 or 503.
func Replayable(ctx context.Context) context.Context {
	return context.WithValue(ctx, replayable{}, true)
}

// IsReplayable reports whether ctx is marked by Replayable.
func IsReplayable(ctx context.Context) bool { return ctx.Value(replayable{}) != nil }

type retrying struct {
	Options
	patience *patience
}

// New returns a round tripper with the retries that o describes. When they are
// used up it returns the last response or error, so that its callers see what
// the server said, and tries every further request once.
func New(o Options) http.RoundTripper {
	if o.Base == nil {
		o.Base = impatient
		readRoots()
	}
	if o.RetryFor == 0 {
		o.RetryFor = DefaultRetryFor
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &retrying{o, &patience{limit: o.RetryFor, log: o.Log, waiting: map[string]int{}}}
}

// RoundTrip implements http.RoundTripper.
func (t *retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.UserAgent != "" && req.Header.Get("User-Agent") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", t.UserAgent)
	}
	left := t.patience.left()
	if left <= 0 || (req.Body != nil && req.Body != http.NoBody && req.GetBody == nil) {
		return t.Base.RoundTrip(req)
	}
	var last *http.Response
	first, waiting := true, false
	defer func() {
		if waiting {
			t.patience.end(req.URL.Host)
		}
	}()
	resp, err := backoff.Retry(req.Context(), func() (*http.Response, error) {
		last = nil
		if !first && req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, backoff.Permanent(err)
			}
			req = req.Clone(req.Context())
			req.Body = body
		}
		first = false
		resp, err := t.Base.RoundTrip(req)
		if err != nil {
			if !retryError(req, err) {
				return nil, backoff.Permanent(err)
			}
			return nil, err
		}
		if !retryStatus(req, resp) {
			return resp, nil
		}
		if last, err = detach(resp); err != nil {
			return nil, err
		}
		return nil, again(resp)
	},
		backoff.WithMaxElapsedTime(left),
		backoff.WithNotify(func(err error, wait time.Duration) {
			if !waiting {
				waiting = true
				t.patience.begin(req.URL.Host, err)
			}
			t.Log.Debug("retrying", "method", req.Method, "host", req.URL.Host, "after", wait.Round(time.Millisecond), "cause", err)
		}),
	)
	if err == nil {
		return resp, nil
	}
	if last != nil && req.Context().Err() == nil {
		return last, nil
	}
	return nil, err
}

// statusError is why a response is asked for once more.
type statusError int

func (s statusError) Error() string { return strconv.Itoa(int(s)) + " " + http.StatusText(int(s)) }

// detach frees the connection and keeps the start of the body.
func detach(resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, err
}

func retryStatus(req *http.Request, resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusForbidden:
		return limited(resp)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return mayReplay(req)
	}
	return false
}

func retryError(req *http.Request, err error) bool {
	if req.Context().Err() != nil || errors.Is(err, context.Canceled) {
		return false
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	var timeout net.Error
	broken := op != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || (errors.As(err, &timeout) && timeout.Timeout())
	return broken && mayReplay(req)
}

func mayReplay(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return true
	}
	return IsReplayable(req.Context())
}
