package merge

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/markdown"
	"github.com/org/release-actions/internal/registry"
)

// Result is the index that was made, or found.
type Result struct {
	// Digest is the index's, the same in every registry.
	Digest    image.Digest     `output:"digest"`
	Images    []image.Pinned   `output:"images"`
	Platforms []image.Platform `output:"platforms"`

	manifests []registry.PlatformManifest
	parts     []part // none where an earlier run's index was found
}

// Summary returns the platforms, what they weigh and where they came from, as
// Markdown.
func (r *Result) Summary() string {
	if r.Digest == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Image\n\n")
	if len(r.parts) == 0 {
		b.WriteString("An earlier run of this workflow released this commit already. Its image was taken; this run's builds were left aside.\n\n")
	}
	for _, pinned := range r.Images {
		fmt.Fprintf(&b, "- `%s`\n", pinned)
	}
	if len(r.parts) == 0 {
		b.WriteString("\n| platform | digest |\n|---|---|\n")
		for _, m := range r.manifests {
			fmt.Fprintf(&b, "| %s | `%s` |\n", markdown.Code(m.Platform.String()), m.Digest)
		}
		return b.String()
	}
	b.WriteString("\n| platform | digest | layers | attestations | from |\n|---|---|--:|--:|---|\n")
	for _, p := range r.parts {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %d | `%s` |\n", markdown.Code(p.Platform.String()), p.Descriptor.Digest,
			humanize.IBytes(uint64(max(p.LayerSize, 0))), len(p.Attestations), p.from)
	}
	return b.String()
}

// Print writes where the index is, as plain text.
func (r *Result) Print(w io.Writer) error {
	for _, pinned := range r.Images {
		if _, err := fmt.Fprintln(w, pinned); err != nil {
			return err
		}
	}
	return nil
}
