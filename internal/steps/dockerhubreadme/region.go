package dockerhubreadme

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/markdown"
)

// marker is a line that begins or ends a region, as editors fold them:
// <!-- #region name --> and <!-- #endregion -->.
//
// https://code.visualstudio.com/docs/editing/codebasics#_folding
var marker = regexp.MustCompile(`(?m)^[ \t]*<!--[ \t]*#(region|endregion)\b[ \t]*([^\r\n]*?)[ \t]*-->[ \t]*(?:\r?\n|$)`)

// piece is text between two markers.
type piece struct {
	text        string
	shown, left bool // whether it is in a region to show, in one to leave out
}

// opened is a region that has begun.
type opened struct {
	name string
	at   int
}

// region returns the part of a README that is for a registry's page: the
// regions with the given name, or all where there are none; without the
// regions named "!" and that name. Regions with other names mean nothing, and
// markers in code are code.
func region(text, name string) (string, error) {
	var pieces []piece
	var open []opened
	in := func(name string) bool {
		return slices.ContainsFunc(open, func(o opened) bool { return o.name == name })
	}
	ours := func(label string) bool { return label == name || label == "!"+name }
	at := 0
	for _, m := range marker.FindAllStringSubmatchIndex(markdown.MaskCode(text), -1) {
		pieces = append(pieces, piece{text[at:m[0]], in(name), in("!" + name)})
		at = m[0]
		label := text[m[4]:m[5]]
		if text[m[2]:m[3]] == "region" {
			open = append(open, opened{label, m[0]})
		} else if last := len(open) - 1; last >= 0 {
			label, open = open[last].name, open[:last]
		}
		if ours(label) {
			at = m[1]
		}
	}
	for _, o := range open {
		if ours(o.name) {
			return "", hint.New(fmt.Sprintf("region %q, which begins in line %d, has no end", o.name, 1+strings.Count(text[:o.at], "\n")),
				"add the line \"<!-- #endregion -->\"")
		}
	}
	return join(append(pieces, piece{text: text[at:]})), nil
}

// join puts together what is shown, regions apart from each other.
func join(pieces []piece) string {
	some := slices.ContainsFunc(pieces, func(p piece) bool { return p.shown })
	var b strings.Builder
	gap := false
	for _, p := range pieces {
		switch {
		case some && !p.shown:
			gap = b.Len() > 0
		case !p.left:
			if gap {
				b.WriteString("\n")
				gap = false
			}
			b.WriteString(p.text)
		}
	}
	return b.String()
}
