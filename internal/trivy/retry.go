package trivy

import (
	"cmp"
	"context"
	"regexp"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/org/release-actions/internal/transport"
)

// lasting are refusals that no waiting mends.
var lasting = regexp.MustCompile(`UNAUTHORIZED|DENIED|MANIFEST_UNKNOWN|NAME_UNKNOWN|NAME_INVALID|\b40[0134]\b|unacceptable media type|could not parse reference|unknown authority`)

// retry fetches something, and again while that may help.
func (s *Scanner) retry(ctx context.Context, what string, fetch func(context.Context) error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := fetch(ctx)
		if err != nil && lasting.MatchString(err.Error()) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(cmp.Or(s.RetryFor, transport.DefaultRetryFor)), backoff.WithNotify(func(err error, wait time.Duration) {
		s.Log.Info("fetching it again", "what", what, "after", wait.Round(time.Millisecond), "cause", err)
	}))
	return err
}
