package dockerhub

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// The kinds of errors that callers tell apart, with errors.Is.
var (
	ErrUnauthorized = errors.New("unauthorized")
	ErrForbidden    = errors.New("forbidden")
	ErrNotFound     = errors.New("not found")
	ErrRateLimited  = errors.New("rate limited")
	ErrUnavailable  = errors.New("unavailable")
	ErrRefused      = errors.New("refused")
)

// refused makes an error of an answer that is no success: its kind, what it
// says, and the mend.
func refused(status int, answer []byte) error {
	kind, mend := ErrRefused, ""
	switch {
	case status == http.StatusUnauthorized:
		kind = ErrUnauthorized
	case status == http.StatusForbidden:
		kind, mend = ErrForbidden, "use a personal access token with the scope \"Read, Write, Delete\", of an account that may administer the repository; "+
			"a token that may push is not enough"
	case status == http.StatusNotFound:
		kind, mend = ErrNotFound, "check the repository's name, and push an image first: that makes the repository"
	case status == http.StatusTooManyRequests:
		kind, mend = ErrRateLimited, "run the job again in some minutes, or set \"retry-for\" to wait longer"
	case status >= http.StatusInternalServerError:
		kind, mend = ErrUnavailable, "see https://www.dockerstatus.com, and run the job again"
	}
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	if said := message(answer); said != "" && !strings.EqualFold(said, http.StatusText(status)) {
		text += ": " + said
	}
	err := error(&answerError{text, kind})
	if mend != "" {
		err = hint.Wrap(err, "%s", mend)
	}
	return err
}

type answerError struct {
	text string
	kind error
}

func (e *answerError) Error() string { return e.text }
func (e *answerError) Unwrap() error { return e.kind }

// message finds what an answer says in the shapes that Docker Hub uses:
// {"message": …}, {"detail": …} and {"field": ["…"]}.
func message(answer []byte) string {
	var fields map[string]any
	if json.Unmarshal(answer, &fields) != nil {
		return ""
	}
	for _, name := range []string{"message", "detail"} {
		if text, ok := fields[name].(string); ok && text != "" {
			return text
		}
	}
	var texts []string
	for name, value := range fields {
		if list, ok := value.([]any); ok && len(list) > 0 {
			texts = append(texts, fmt.Sprintf("%s: %v", name, list[0]))
		}
	}
	slices.Sort(texts)
	return strings.Join(texts, "; ")
}
