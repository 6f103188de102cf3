package github

import (
	"fmt"
	"net/http"
	"os"
	"regexp"

	"github.com/org/release-actions/internal/devstack/openapi"
)

// Described are the paths of GitHub's description that a stand-in may serve:
// a repository's, and its owner's as far as packages and attestations go.
var Described = regexp.MustCompile(`^/rate_limit$` +
	`|^/repos/\{owner\}/\{repo\}($|/(releases|git|attestations|code-scanning|dependency-graph|immutable-releases|contents|tags)(/|$))` +
	`|^/(orgs/\{org\}|users/\{username\}|user)($|/(packages|attestations)(/|$))`)

// A Judge wraps the handlers of the API, and tells of what they take and answer
// in another way than GitHub describes.
type Judge func(http.Handler) http.Handler

// NewJudge holds exchanges against the description in the file at path.
func NewJudge(path string, report func(error)) (Judge, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("GitHub's description: %w", err)
	}
	description, err := openapi.Parse(text, "basic-error", "validation-error")
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler { return description.Judge(next, report) }, nil
}

// judged wraps a handler, where there is a judge.
func (s *Server) judged(h http.Handler) http.Handler {
	if s.judge == nil {
		return h
	}
	return s.judge(h)
}
