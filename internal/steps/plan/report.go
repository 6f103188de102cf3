package plan

import (
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/markdown"
)

// what says in words what the run does.
func (r Result) what() string {
	switch {
	case r.Release:
		return "release of " + r.version
	case r.Push:
		return "push without a release"
	}
	return "build without a push"
}

// steps are what is done, and what isn't.
func (r Result) steps() string {
	switch {
	case r.Release:
		return "Built, pushed, signed, attested, verified and tagged; then come the GitHub release and Docker Hub's page."
	case r.Push:
		return "Built, pushed, signed, attested, verified and tagged. There is no GitHub release, and Docker Hub's page stays as it is."
	}
	return "Built into an OCI layout and catalogued from there. Nothing is pushed, signed or released."
}

// Summary says what the run does, and why.
func (r Result) Summary() string {
	if r.Reason == "" { // it failed
		return ""
	}
	what := r.what()
	heading := strings.ToUpper(what[:1]) + what[1:]
	if r.Release {
		heading = "Release of " + markdown.Code(r.version)
	}
	var names []string
	for _, job := range r.Matrix {
		names = append(names, markdown.Code(job.Platform.String()))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", heading, r.steps())
	fmt.Fprintf(&b, "- **Why**: %s\n", markdown.Code(r.Reason))
	if len(names) > 0 {
		fmt.Fprintf(&b, "- **Platforms**: %s\n", strings.Join(names, ", "))
	}
	return b.String()
}
