package webapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/org/release-actions/internal/hint"
)

// The kinds of errors that callers tell apart, with errors.Is.
var (
	ErrUnauthorized = errors.New("unauthorized")
	ErrForbidden    = errors.New("forbidden")
	// ErrFirewall is also ErrForbidden: the answer is a web page, so something
	// in front of the API gave it.
	ErrFirewall    = fmt.Errorf("%w by a firewall", ErrForbidden)
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("conflict")
	ErrRateLimited = errors.New("rate limited")
	ErrUnavailable = errors.New("unavailable")
	ErrRefused     = errors.New("refused")
)

// refused makes an error of an answer that is no success: its kind, what it
// says, and the mend. What mends 401 and 403 the callers know.
func (c *Client) refused(status int, answer []byte) error {
	kind, mend := ErrRefused, ""
	said := message(answer)
	switch {
	case status == http.StatusUnauthorized:
		kind = ErrUnauthorized
	case status == http.StatusForbidden && bytes.HasPrefix(bytes.TrimSpace(answer), []byte("<")):
		kind, said = ErrFirewall, "a web page, which is not the API's answer"
	case status == http.StatusForbidden:
		kind = ErrForbidden
	case status == http.StatusNotFound:
		kind, mend = ErrNotFound, "check the repository's name, and push an image first: that makes the repository"
	case status == http.StatusConflict:
		kind, mend = ErrConflict, "something else changes the same page; run the job again"
	case status == http.StatusTooManyRequests:
		kind, mend = ErrRateLimited, "run the job again in some minutes, or set \"retry-for\" to wait longer"
	case status >= http.StatusInternalServerError:
		kind, mend = ErrUnavailable, fmt.Sprintf("see whether %s is down, and run the job again", c.name)
	}
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	if said != "" && !strings.EqualFold(said, http.StatusText(status)) {
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

// maxMessage bounds what is quoted of an answer, in bytes.
const maxMessage = 300

// message finds what an answer says, in one line, in the shapes that APIs use:
// {"message": …}, {"detail": …}, {"errors": [{"message": …}]} and
// {"field": ["…"]}.
func message(answer []byte) string {
	var fields map[string]any
	if json.Unmarshal(answer, &fields) != nil {
		return ""
	}
	for _, name := range []string{"message", "detail"} {
		if text, ok := fields[name].(string); ok && text != "" {
			return line(text)
		}
	}
	var texts []string
	for name, value := range fields {
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			continue
		}
		if first, ok := list[0].(map[string]any); ok {
			texts = append(texts, fmt.Sprint(first["message"]))
		} else {
			texts = append(texts, fmt.Sprintf("%s: %v", name, list[0]))
		}
	}
	slices.Sort(texts)
	return line(strings.Join(texts, "; "))
}

// line makes one line of foreign text.
func line(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}
