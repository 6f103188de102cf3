package transport

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// unsaid is how long is waited where GitHub limits requests and doesn't say for
// how long: a minute at least, by its documentation.
const unsaid = time.Minute

// again returns the error that makes backoff wait, as long as the server says
// where it says so.
func again(resp *http.Response) error {
	wait := asked(resp)
	if wait <= 0 && resp.StatusCode == http.StatusForbidden {
		wait = unsaid
	}
	if wait <= 0 {
		return statusError(resp.StatusCode)
	}
	return backoff.RetryAfter(int((wait + time.Second - 1) / time.Second))
}

// asked returns how long the server asks to wait; 0 where it doesn't.
//
// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func asked(resp *http.Response) time.Duration {
	value := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at)
	}
	// Docker Hub's API says it in seconds since 1970.
	// https://docs.docker.com/reference/api/hub/latest/#tag/rate-limiting
	if at, err := strconv.ParseInt(resp.Header.Get("X-Retry-After"), 10, 64); err == nil {
		return time.Until(time.Unix(at, 0))
	}
	if at, ok := usedUp(resp); ok {
		return time.Until(at)
	}
	return 0
}

// usedUp returns when there are requests again where none is left, as GitHub
// and Docker Hub say it.
func usedUp(resp *http.Response) (reset time.Time, ok bool) {
	at, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
	return time.Unix(at, 0), err == nil && resp.Header.Get("X-RateLimit-Remaining") == "0"
}

// limited reports whether a 403 is about the number of requests, as GitHub's may
// be: it says when to come back, that none is left, or so in words only.
//
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func limited(resp *http.Response) bool {
	if _, none := usedUp(resp); none || resp.Header.Get("Retry-After") != "" {
		return true
	}
	start, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // who reads the body sees the error, too
	resp.Body = body{io.MultiReader(bytes.NewReader(start), resp.Body), resp.Body}
	return bytes.Contains(bytes.ToLower(start), []byte("secondary rate limit"))
}

// body is one whose start has been read before.
type body struct {
	io.Reader
	io.Closer
}
