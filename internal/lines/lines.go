// Package lines reads lists whose items hold commas: annotations, build
// arguments, secrets, and lists in YAML: logins, nodes. It does no I/O.
package lines

import (
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// List is a list with one item a line, as docker/build-push-action takes it:
// commas mean nothing, and an item in double quotes may go over several lines,
// with "" for a quote inside.
type List []string

// UnmarshalText parses the list. Its errors tell the item's number, and nothing
// of what is written there.
func (l *List) UnmarshalText(text []byte) error {
	var items List
	for rest := strings.ReplaceAll(string(text), "\r\n", "\n"); rest != ""; {
		var item string
		if quoted, ok := strings.CutPrefix(strings.TrimLeft(rest, " \t"), `"`); ok {
			var err error
			if item, rest, err = unquote(quoted); err != nil {
				return fmt.Errorf("item %d: %w", len(items)+1, err)
			}
		} else {
			item, rest, _ = strings.Cut(rest, "\n")
			item = strings.TrimSpace(item)
		}
		if item != "" {
			items = append(items, item)
		}
	}
	*l = items
	return nil
}

// unquote reads up to the closing quote and the end of its line.
func unquote(s string) (item, rest string, err error) {
	var b strings.Builder
	for {
		before, after, closed := strings.Cut(s, `"`)
		if !closed {
			return "", "", hint.New("its double quote is not closed", "close it, or double a quote that is part of the item")
		}
		b.WriteString(before)
		if s, closed = strings.CutPrefix(after, `"`); closed {
			b.WriteByte('"')
			continue
		}
		line, rest, _ := strings.Cut(after, "\n")
		if strings.TrimSpace(line) != "" {
			return "", "", hint.New("there is text behind its closing double quote", "put the whole item in quotes, and double those inside")
		}
		return b.String(), rest, nil
	}
}
