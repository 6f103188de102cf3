package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// What a registry may answer; to be found with errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrDenied      = errors.New("denied")
	ErrUnsupported = errors.New("unsupported by the registry")
	ErrRateLimited = errors.New("rate limited")
)

// maxAnswer bounds, in bytes, what an error quotes of a server's answer.
const maxAnswer = 200

// failure is an error whose message is safe to show; the kind and the cause
// can be asked for.
type failure struct {
	message     string
	kind, cause error
}

func (f *failure) Error() string { return f.message }

func (f *failure) Unwrap() []error {
	if f.kind == nil {
		return []error{f.cause}
	}
	return []error{f.kind, f.cause}
}

// failRead returns err as a failure of reading a reference, as do says it, with
// the mend where there is one.
func (c *Client) failRead(do string, repo image.Repository, reference fmt.Stringer, err error) error {
	need := reading
	if c.writes {
		need = writing
	}
	return c.fail(need, do, repo, reference, err)
}

// failWrite is failRead for what changes a registry.
func (c *Client) failWrite(do string, repo image.Repository, reference fmt.Stringer, err error) error {
	return c.fail(writing, do, repo, reference, err)
}

// right is what a user's login must allow, in the words of GitHub's permissions
// and roles and of Docker Hub's tokens.
type right struct{ permission, role, token string }

var (
	reading = right{"read", "Read", "Read-only"}
	writing = right{"write", "Write", "Read & Write"}
)

func (c *Client) fail(need right, do string, repo image.Repository, reference fmt.Stringer, err error) error {
	if err == nil {
		return nil
	}
	var done *failure
	if errors.As(err, &done) {
		return err
	}
	host := repo.Host()
	err = &failure{message: fmt.Sprintf("%s %q: %s", do, reference, c.describe(host, err)), kind: kindOf(err), cause: err}
	mend := c.mend(need, host, statusOf(err))
	if unreached(err) {
		mend = fmt.Sprintf("see that %s is a registry's name and that this machine can reach it, behind a proxy by HTTPS_PROXY; or run again later", host)
	}
	if mend != "" {
		err = hint.Wrap(err, "%s", mend)
	}
	return err
}

// unreached reports whether there was no answer at all.
func unreached(err error) bool {
	var request *url.Error
	return errors.As(err, &request) && statusOf(err) == 0 && !errors.Is(err, context.Canceled)
}

// describe says in one line what went wrong.
func (c *Client) describe(host string, err error) string {
	var answer *transport.Error
	var request *url.Error
	switch {
	case errors.As(err, &answer):
		if answer.Request != nil {
			host = answer.Request.URL.Host // a token server, perhaps
		}
		text := fmt.Sprintf("%s answered %d %s", host, answer.StatusCode, http.StatusText(answer.StatusCode))
		if len(answer.Errors) > 0 {
			d := answer.Errors[0]
			text += ": " + c.oneLine(strings.Trim(string(d.Code)+": "+d.Message, ": "))
		}
		return text
	case errors.Is(err, context.Canceled):
		return context.Canceled.Error()
	case errors.As(err, &request):
		// Without its URL: that of a redirect or an upload may hold a token.
		return fmt.Sprintf("reach %s: %s", host, c.oneLine(request.Err.Error()))
	}
	return c.oneLine(err.Error())
}

// oneLine makes foreign text fit to be quoted: short, without control
// characters and without our own passwords.
func (c *Client) oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = c.redact.Replace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
	if len(s) > maxAnswer {
		s = strings.ToValidUTF8(s[:maxAnswer], "") + "…"
	}
	return s
}

// statusOf returns the status that a server answered, or 0.
func statusOf(err error) int {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// kindOf returns which of the package's errors err is, or nil.
func kindOf(err error) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return nil
	}
	for _, d := range answer.Errors {
		if d.Code == transport.UnsupportedErrorCode {
			return ErrUnsupported
		}
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrDenied
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return ErrUnsupported
	case http.StatusTooManyRequests:
		return ErrRateLimited
	}
	return nil
}

// mend says what the user can do about a status that host answered.
func (c *Client) mend(need right, host string, status int) string {
	login, known := c.keychain.logins[host]
	switch {
	case status == http.StatusUnauthorized && !known:
		switch host {
		case ghcr:
			return fmt.Sprintf(`give the input "github-token", and grant "packages: %s" under "permissions:" of the job`, need.permission)
		case image.DockerHub:
			return fmt.Sprintf(`give the inputs "dockerhub-username" and "dockerhub-token", an access token with %s`, need.token)
		}
		return fmt.Sprintf(`give a login for %s in the input "registry-auth"`, host)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		switch {
		case login.input == "github-token":
			return fmt.Sprintf(`grant "packages: %s" under "permissions:" of the job; where the package is not linked to the repository, `+
				`give it the role %s in the package's settings under "Manage Actions access"`, need.permission, need.role)
		case known:
			return fmt.Sprintf("see that the token in %q is valid and may %s, and that its user may %[2]s in the repository", login.input, need.permission)
		}
		return fmt.Sprintf("see that the login for %s may %s in the repository", host, need.permission)
	case status == http.StatusTooManyRequests && !known:
		return fmt.Sprintf("%s limits what is done without a login: log in, or run again later", host)
	case status == http.StatusTooManyRequests:
		return fmt.Sprintf(`%s limits the rate of requests: run again later, or give "retry-for" more time`, host)
	case status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return fmt.Sprintf(`%s has a fault: run again later, or give "retry-for" more time; what is done is found and kept`, host)
	}
	return ""
}
