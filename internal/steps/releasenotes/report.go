package releasenotes

import (
	"fmt"
	"io"
	"strings"
)

// Summary returns the release and its files for the job's page.
func (r Result) Summary() string {
	if r.URL == "" {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Release\n\n[%s](%s), %s\n", r.release.Tag, r.URL, r.state())
	if len(r.assets) > 0 {
		b.WriteString("\n| file | bytes | digest |\n|---|---:|---|\n")
		for _, a := range r.assets {
			fmt.Fprintf(&b, "| [%s](%s) | %d | `%s` |\n", a.Name, a.URL, a.Size, a.Digest)
		}
	}
	return b.String()
}

// Print writes the release and its files as plain text.
func (r Result) Print(w io.Writer) error {
	if r.URL == "" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "release %s (%s): %s\n", r.release.Tag, r.state(), r.URL)
	for _, a := range r.assets {
		fmt.Fprintf(&b, "  %s (%d bytes)\n", a.Name, a.Size)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Result) state() string {
	state := "published"
	if r.release.Draft {
		state = "draft"
	}
	if r.release.Prerelease {
		state += ", pre-release"
	}
	return state
}
