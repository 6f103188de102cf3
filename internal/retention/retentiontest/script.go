package retentiontest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
)

// Script returns a registry with the versions that a text has, one a line, in
// the order in which a registry lists them: the newest first.
//
//	idx 30d #1.0.0 #latest >amd >arm >att~amd   an index with two tags and three entries, of which one attests amd
//	sig 30d ^idx                                a referrer of idx
//	list 30d @idx >sig                          what has the fallback tag of idx; @idx.sig is cosign's
//	x 30d !locked                               also !unreadable, !gone
//
// A name's digest is Digest(name). What is named only has no version.
func Script(tb testing.TB, r *Registry, text string) {
	tb.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for n := len(lines) - 1; n >= 0; n-- {
		words := strings.Fields(lines[n])
		if len(words) < 2 {
			tb.Fatalf("line %q has no name and age", lines[n])
		}
		var age retention.Age
		if err := age.UnmarshalText([]byte(words[1])); err != nil {
			tb.Fatal(err)
		}
		v := retention.Version{Digest: Digest(words[0]), MediaType: item, Size: 100, Pushed: r.Now.Add(-age.Duration())}
		for _, word := range words[2:] {
			name := word[1:]
			switch word[0] {
			case '#':
				v.Tags = append(v.Tags, name)
			case '>':
				child, attests, _ := strings.Cut(name, "~")
				c := retention.Child{Digest: Digest(child)}
				if attests != "" {
					c.Attests = Digest(attests)
				}
				v.MediaType, v.Children = index, append(v.Children, c)
			case '^':
				v.Subject = Digest(name)
			case '@':
				subject, suffix, dotted := strings.Cut(name, ".")
				if dotted {
					suffix = "." + suffix
				}
				v.Tags = append(v.Tags, "sha256-"+Digest(subject).Hex()+suffix)
			case '!':
				switch name {
				case "locked":
					v.Locked = "it has more than 5,000 downloads"
				case "gone":
					v.Gone = true
				case "unreadable":
					r.Hidden[v.Digest] = true
				default:
					tb.Fatalf("line %q: no such mark", lines[n])
				}
			default:
				tb.Fatalf("line %q: no such word as %q", lines[n], word)
			}
		}
		r.Push(v)
	}
}

// Names returns the names of digests that a script has, in order.
func Names(text string, digests []image.Digest) string {
	var names []string
	for _, d := range digests {
		found := fmt.Sprintf("%.19s", d)
		for line := range strings.Lines(strings.TrimSpace(text)) {
			if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); Digest(name) == d {
				found = name
			}
		}
		names = append(names, found)
	}
	return strings.Join(names, " ")
}
