package ghapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/org/release-actions/internal/hint"
)

// The kinds of errors that callers tell apart, with errors.Is.
var (
	ErrNotFound     = errors.New("not found")
	ErrUnauthorized = errors.New("unauthorized")
	ErrForbidden    = errors.New("forbidden")
	ErrExists       = errors.New("exists already")
	ErrInvalid      = errors.New("refused as invalid")
	ErrRateLimited  = errors.New("rate limited")
	// ErrUnavailable is an answer of 5xx, a cut one, or none at all: the request
	// may have had its effect or not.
	ErrUnavailable = errors.New("unavailable")
)

// apiError has the text of what the API said, the kind, if it is one of the
// above, and the cause.
type apiError struct {
	text        string
	kind, cause error
}

func (e *apiError) Error() string   { return e.text }
func (e *apiError) Unwrap() []error { return []error{e.kind, e.cause} }

// classify gives an error of go-github its kind and its mend.
func classify(err error, method string) error {
	var (
		primary   *github.RateLimitError
		secondary *github.AbuseRateLimitError
		answer    *github.ErrorResponse
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &primary):
		return hint.Wrap(&apiError{"the rate limit of the API is used up", ErrRateLimited, err},
			"it is renewed at %s; run the job again then", primary.Rate.Reset.UTC().Format(time.RFC3339))
	case errors.As(err, &secondary):
		return rateLimited(err)
	case errors.As(err, &answer):
		return classifyAnswer(answer, method)
	case isBroken(err):
		return hint.Wrap(&apiError{broken(err), ErrUnavailable, err}, "run the job again: what is done is found and kept")
	}
	return err
}

func rateLimited(err error) error {
	return hint.Wrap(&apiError{"the API asks for fewer requests (secondary rate limit)", ErrRateLimited, err},
		"run the job again in some minutes, or set \"retry-for\" to wait longer")
}

func classifyAnswer(answer *github.ErrorResponse, method string) error {
	status := answer.Response.StatusCode
	e := &apiError{describe(answer), nil, answer}
	write := method != http.MethodGet
	switch {
	case status == http.StatusUnauthorized:
		e.kind = ErrUnauthorized
		return hint.Wrap(e, "\"github-token\" is wrong or has expired; leave it out to use the job's own token")
	case status == http.StatusTooManyRequests:
		return rateLimited(e.cause)
	case status == http.StatusForbidden:
		e.kind = ErrForbidden
		return hint.Wrap(e, "grant \"contents: write\" under \"permissions:\" of the job; "+
			"runs for pull requests from forks and Dependabot never have it")
	case status == http.StatusNotFound && write:
		e.kind = ErrNotFound
		// GitHub hides what a token may not change.
		return hint.Wrap(e, "grant \"contents: write\" under \"permissions:\" of the job; where the tagged commit changes workflow files "+
			"that the default branch doesn't have, a token with the permission to change workflows is needed")
	case status == http.StatusNotFound:
		e.kind = ErrNotFound
		return hint.Wrap(e, "check the name of the repository, and that the token may read it: \"contents: read\" at least")
	case status == http.StatusUnprocessableEntity && alreadyExists(answer):
		e.kind = ErrExists
	case status == http.StatusUnprocessableEntity && strings.Contains(e.text, "rule violations"):
		e.kind = ErrInvalid
		return hint.Wrap(e, "a ruleset of the repository forbids it: have somebody push the tag who may, or let GitHub Actions bypass the ruleset")
	case status == http.StatusUnprocessableEntity:
		e.kind = ErrInvalid
	case status >= http.StatusInternalServerError:
		e.kind = ErrUnavailable
		return hint.Wrap(e, "see https://www.githubstatus.com, and run the job again: what is done is found and kept")
	}
	return e
}

func alreadyExists(answer *github.ErrorResponse) bool {
	for _, e := range answer.Errors {
		if e.Code == "already_exists" {
			return true
		}
	}
	return false
}

// describe writes an answer as "422 Validation Failed: tag_name is invalid".
func describe(answer *github.ErrorResponse) string {
	message := answer.Message
	if message == "" {
		message = http.StatusText(answer.Response.StatusCode)
	}
	text := fmt.Sprintf("%d %s", answer.Response.StatusCode, message)
	var details []string
	for _, e := range answer.Errors {
		detail := e.Message
		if detail == "" {
			detail = strings.TrimSpace(e.Field + " " + strings.ReplaceAll(e.Code, "_", " "))
		}
		details = append(details, detail)
	}
	if len(details) > 0 {
		text += ": " + strings.Join(details, ", ")
	}
	return strings.Join(strings.Fields(text), " ") // in one line
}

// isBroken reports whether the connection, or the answer in it, broke.
func isBroken(err error) bool {
	var (
		network net.Error
		syntax  *json.SyntaxError
	)
	return errors.As(err, &network) || errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func broken(err error) string {
	var sent *url.Error
	if errors.As(err, &sent) {
		return err.Error()
	}
	return "the answer is cut short or isn't JSON: " + err.Error()
}
