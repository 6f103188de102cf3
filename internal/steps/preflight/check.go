package preflight

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/registry"
)

// check looks at one thing.
type check struct {
	name string // what it is about, for people
	// grants is the permission that the job must grant for it, and why names what
	// for; "" where that is not what it takes.
	grants, why string
	// optional says that the run does without what fails.
	optional bool
	find     func(context.Context) error
}

// undecided is an error that doesn't tell whether the thing is as it should be.
type undecided struct{ error }

func (u undecided) Unwrap() error { return u.error }

// state is what came of a check.
type state int

const (
	fine state = iota
	problem
	missed // and the run does without it
	unknown
)

// outcome is a check that was done.
type outcome struct {
	check
	state state
	err   error
}

func (c check) do(ctx context.Context) outcome {
	err := c.find(ctx)
	o := outcome{c, fine, err}
	switch {
	case err == nil:
	case ctx.Err() != nil || errors.As(err, new(undecided)):
		o.state = unknown
	case c.optional:
		o.state = missed
	default:
		o.state = problem
	}
	return o
}

// denied reports whether it is for a permission that the job doesn't grant.
func (o outcome) denied() bool {
	if o.grants == "" || o.err == nil || o.state == unknown {
		return false
	}
	return o.grants == idToken || errors.Is(o.err, registry.ErrDenied) || errors.Is(o.err, ghapi.ErrForbidden)
}

// log warns of what stops nobody.
func (o outcome) log(log *slog.Logger) {
	what := ""
	switch o.state {
	case unknown:
		what = "it could not be checked: " + o.name
	case missed:
		what = "the run will do without: " + o.name
	default:
		return
	}
	for _, err := range split(o.err) {
		log.Warn(what, "reason", err, "mend", strings.Join(hint.Of(err), "; "))
	}
}

// split returns the errors that errors.Join has joined, or the one.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var texts []string
	for _, one := range joined.Unwrap() {
		all = append(all, split(one)...)
		texts = append(texts, one.Error())
	}
	if strings.Join(texts, "\n") != err.Error() { // it has words of its own
		return []error{err}
	}
	return all
}
