package preflight

import (
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/markdown"
)

// problemsError is all that would fail, as a list of its own: each problem stands
// with its mend, so that none is left for the runner's edge to print.
type problemsError struct{ text string }

func (e *problemsError) Error() string { return e.text }

// problems returns an error with all that would fail, or nil.
func (r Result) problems() error {
	found := r.of(problem)
	if len(found) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(heading(len(found)))
	for n, err := range found {
		fmt.Fprintf(&b, "\n%2d. %s", n+1, indent(err.Error()))
		for _, mend := range hint.Of(err) {
			fmt.Fprintf(&b, "\n    hint: %s", indent(mend))
		}
	}
	if lines := r.permissions(); lines != "" {
		b.WriteString("\nthe permissions that this run needs of the job:\n" + strings.TrimSuffix(lines, "\n"))
	}
	return &problemsError{b.String()}
}

func heading(n int) string {
	if n == 1 {
		return "1 problem would fail this run; nothing was built:"
	}
	return fmt.Sprintf("%d problems would fail this run; nothing was built:", n)
}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }

// of returns the errors of the outcomes in a state, one for each cause.
func (r Result) of(s state) []error {
	var all []error
	for _, o := range r.outcomes {
		if o.state == s {
			all = append(all, split(o.err)...)
		}
	}
	return all
}

// permissions returns the block for the workflow, where a permission is missing.
// It is the whole of it: what a block leaves out, a job doesn't have.
//
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#permissions
func (r Result) permissions() string {
	type line struct {
		grants, why string
		missing     bool
	}
	lines := []line{{"contents: read", "check out", false}}
	missing := false
	for _, o := range r.outcomes {
		if o.grants == "" {
			continue
		}
		missing = missing || o.denied()
		l := line{o.grants, o.why, o.denied()}
		switch last := &lines[len(lines)-1]; {
		case o.grants == contents:
			lines[0] = l
		case last.grants == o.grants: // another repository of ghcr.io
			last.missing = last.missing || l.missing
		default:
			lines = append(lines, l)
		}
	}
	if !missing {
		return ""
	}
	var b strings.Builder
	b.WriteString("permissions:\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "  %s # %s", l.grants, l.why)
		if l.missing {
			b.WriteString(" (missing)")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Summary says what was found, as Markdown.
func (r Result) Summary() string {
	problems, missing, unsure := r.of(problem), r.of(missed), r.of(unknown)
	var b strings.Builder
	b.WriteString("## Preflight\n\n")
	switch {
	case len(r.outcomes) == 0:
		return "" // it was cancelled
	case len(problems) > 0:
		fmt.Fprintf(&b, "❌ %s\n\n", heading(len(problems)))
		for n, err := range problems {
			item(&b, fmt.Sprintf("%d.", n+1), err)
		}
	default:
		fmt.Fprintf(&b, "✅ %d checks found nothing that would fail this run.\n", len(r.outcomes))
	}
	if r.Digest != "" {
		fmt.Fprintf(&b, "\nAn earlier run of this workflow released this commit already, as `%s`. The run goes on with that image, and builds nothing.\n", r.Digest)
	}
	for _, list := range []struct {
		heading string
		errs    []error
	}{{"The run will do without:", missing}, {"Could not be checked:", unsure}} {
		if len(list.errs) > 0 {
			fmt.Fprintf(&b, "\n%s\n\n", list.heading)
			for _, err := range list.errs {
				item(&b, "-", err)
			}
		}
	}
	if lines := r.permissions(); lines != "" {
		fmt.Fprintf(&b, "\nThe permissions that this run needs of the job:\n\n```yaml\n%s```\n", lines)
	}
	return b.String()
}

// item writes an error and its mends. They quote what servers said.
func item(b *strings.Builder, mark string, err error) {
	fmt.Fprintf(b, "%s %s\n", mark, markdown.Code(err.Error()))
	for _, mend := range hint.Of(err) {
		fmt.Fprintf(b, "    - %s\n", markdown.Code(mend))
	}
}
