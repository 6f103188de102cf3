// Package hint joins an error with its mend: the sentence that tells a user
// what to change in the workflow. The runner's edge prints both.
package hint

import (
	"errors"
	"fmt"
)

type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// Wrap returns err with the mend that format and args spell. It returns nil
// for a nil err. The message of the error stays as it is.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{error: err, hint: fmt.Sprintf(format, args...)}
}

// Of returns the mends found in err and in all errors that it wraps or joins,
// outermost first and each once.
func Of(err error) []string {
	var hints []string
	seen := map[string]bool{}
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		// The chain is walked by hand, since errors.As stops at the first match.
		if h, ok := err.(*hinted); ok && !seen[h.hint] { //nolint:errorlint // see above
			seen[h.hint] = true
			hints = append(hints, h.hint)
		}
		switch e := err.(type) { //nolint:errorlint // see above
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		}
	}
	walk(err)
	return hints
}

// New is Wrap over a new error with the given message.
func New(message, format string, args ...any) error {
	return Wrap(errors.New(message), format, args...)
}
