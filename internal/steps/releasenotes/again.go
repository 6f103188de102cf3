package releasenotes

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/org/release-actions/internal/ghapi"
)

// maxTries bounds how often is tried what broke off.
const maxTries = 4

// unsure is an error after which a look at what is there helps: perhaps another run
// was faster, or the server did what it didn't answer.
type unsure struct{ error }

func (e unsure) Unwrap() error { return e.error }

// again calls f until it succeeds, some times at most, while it fails in a way
// that leaves open whether it had its effect. So f must look first.
func again[T any](ctx context.Context, pause time.Duration, f func() (T, error)) (T, error) {
	waits := backoff.NewExponentialBackOff()
	if pause > 0 {
		waits.InitialInterval = pause
	}
	return backoff.Retry(ctx, func() (T, error) {
		v, err := f()
		broken := errors.Is(err, ghapi.ErrUnavailable) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(unsure))
		if err != nil && !broken {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(waits), backoff.WithMaxTries(maxTries), backoff.WithMaxElapsedTime(0))
}
