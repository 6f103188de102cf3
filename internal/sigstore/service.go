package sigstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/org/release-actions/internal/transport"
)

// maxAnswer bounds what is read of a service's answer.
const maxAnswer = 8 << 20

// ServiceError is a request that one of Sigstore's services refused or did not
// answer, after all retries.
type ServiceError struct {
	Service string // "fulcio", "rekor" or "timestamp authority"
	URL     string // without query and user
	Status  int    // the HTTP status; 0 where there was no answer
	Err     error  // what it answered, or why it did not
}

// Error implements error.
func (e *ServiceError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("%s at %s did not answer: %v", e.Service, e.URL, e.Err)
	}
	return fmt.Sprintf("%s at %s answered %d %s: %v", e.Service, e.URL, e.Status, http.StatusText(e.Status), e.Err)
}

// Unwrap returns Err.
func (e *ServiceError) Unwrap() error { return e.Err }

// service makes requests to one of Sigstore's services: it ends them with ctx,
// which sigstore-go's clients do not take everywhere, and makes a ServiceError
// of every refusal, of which they lose the text. All that is posted may be
// posted twice: the same entry is the same, and a certificate too many is not used.
type service struct {
	ctx  context.Context
	name string
	next http.RoundTripper
}

func (s *Signer) client(ctx context.Context, name string) *http.Client {
	return &http.Client{Transport: &service{ctx: ctx, name: name, next: s.options.transport()}}
}

// RoundTrip implements http.RoundTripper.
func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	failed := &ServiceError{Service: s.name, URL: (&url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Path: req.URL.Path}).String()}
	resp, err := s.next.RoundTrip(req.WithContext(transport.Replayable(s.ctx)))
	if err != nil {
		failed.Err = err
		if cause := context.Cause(s.ctx); cause != nil {
			failed.Err = cause
		}
		return nil, failed
	}
	// 409 is how Rekor says that it has the entry already.
	if resp.StatusCode < http.StatusBadRequest || resp.StatusCode == http.StatusConflict {
		return resp, nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 300))
	_ = resp.Body.Close() // the answer is an error already
	failed.Status, failed.Err = resp.StatusCode, err
	if err == nil {
		failed.Err = errors.New(strings.Join(strings.Fields(string(text)), " "))
	}
	return nil, failed
}

// plain takes off what net/http wraps around a ServiceError, which says it all.
func plain(err error) error {
	var failed *ServiceError
	if errors.As(err, &failed) {
		return failed
	}
	return err
}
