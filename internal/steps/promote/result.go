package promote

import (
	"fmt"
	"io"
	"strings"

	"github.com/org/release-actions/internal/image"
)

// Outcome is what became of a tag.
type Outcome string

// The outcomes. A tag that was not tried has none.
const (
	Moved     Outcome = "moved"
	Confirmed Outcome = "was there already"
	PutBack   Outcome = "put back"
	Stuck     Outcome = "could not be put back"
)

// Change is a tag, and what it pointed to before the run: "" where it was not there.
type Change struct {
	Ref     image.Ref
	Before  image.Digest
	Outcome Outcome
}

// Result is what the step did.
type Result struct {
	Tags    []image.Ref  `output:"tags"` // that point to the digest now; none after a failure
	Digest  image.Digest `output:"digest"`
	Changes []Change
}

// after says where a tag points to now, as far as that is known.
func (r Result) after(c Change) string {
	switch c.Outcome {
	case Moved, Confirmed:
		return short(r.Digest)
	case PutBack:
		return short(c.Before)
	case Stuck:
		return "unknown"
	}
	return short(c.Before)
}

func (c Change) outcome() string {
	if c.Outcome == "" {
		return "not moved"
	}
	return string(c.Outcome)
}

func short(d image.Digest) string {
	if d == "" {
		return "none"
	}
	return "sha256:" + d.Hex()[:12]
}

// Summary is a table of the tags in Markdown.
func (r Result) Summary() string {
	if len(r.Changes) == 0 {
		return fmt.Sprintf("## Tags\n\nNo tag was put on `%s`.\n", r.Digest)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Tags\n\nThe image is `%s`.\n\n| tag | before | after | |\n|---|---|---|---|\n", r.Digest)
	for _, c := range r.Changes {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Ref, short(c.Before), r.after(c), c.outcome())
	}
	return b.String()
}

// Print writes a line for each tag.
func (r Result) Print(w io.Writer) error {
	var b strings.Builder
	for _, c := range r.Changes {
		fmt.Fprintf(&b, "%s: %s → %s (%s)\n", c.Ref, short(c.Before), r.after(c), c.outcome())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
