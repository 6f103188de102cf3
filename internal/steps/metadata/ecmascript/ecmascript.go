// Package ecmascript compiles regular expressions as the runner's language
// reads them. The engine is regexp2's, which has back references and look-behind,
// as Go's own doesn't; its grammar is .NET's, though, so a pattern is translated
// first, and what only .NET knows is refused.
//
// https://tc39.es/ecma262/#sec-patterns
package ecmascript

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/dlclark/regexp2"
)

// Compile compiles a pattern with the flags d, g, i, m, s, u, v and y. Groups
// are numbered from left to right, named or not. The flags g and y are the
// caller's to heed.
func Compile(pattern, flags string) (*regexp2.Regexp, error) {
	for i, flag := range flags {
		if !strings.ContainsRune("dgimsuvy", flag) || strings.ContainsRune(flags[:i], flag) {
			return nil, fmt.Errorf("the flags are %q, and may be d, g, i, m, s, u, v and y, each once", flags)
		}
	}
	if strings.Contains(flags, "u") && strings.Contains(flags, "v") {
		return nil, errors.New("the flags u and v exclude each other")
	}
	t := &translator{
		rest: []rune(pattern), unicode: strings.ContainsAny(flags, "uv"), sets: strings.Contains(flags, "v"),
		dotAll: strings.Contains(flags, "s"), multiline: strings.Contains(flags, "m"),
	}
	t.countGroups(pattern)
	if err := t.translate(); err != nil {
		return nil, err
	}
	options := regexp2.RegexOptions(regexp2.ECMAScript)
	if t.unicode {
		options |= regexp2.Unicode
	}
	if strings.Contains(flags, "i") {
		options |= regexp2.IgnoreCase
	}
	return regexp2.Compile(t.out.String(), options)
}

// translator rewrites a pattern for regexp2.
type translator struct {
	rest                       []rune
	out                        strings.Builder
	unicode, dotAll, multiline bool
	sets                       bool // the flag v
	inClass                    bool

	groups int            // how many there are
	names  map[string]int // their numbers
	// assertion is set after something that matches no text and that no
	// quantifier may follow.
	assertion bool
}

// An escape, a class, or the start of a group that captures.
var capture = regexp.MustCompile(`(?s)\\.|\[(?:\\.|[^\]\\])*\]|\((?:\?<([^=!>][^>]*)>|[^?]|$)`)

func (t *translator) countGroups(pattern string) {
	t.names = map[string]int{}
	for pattern != "" {
		at := capture.FindStringSubmatchIndex(pattern)
		if at == nil {
			return
		}
		end := at[1]
		if pattern[at[0]] == '(' {
			t.groups++
			if at[2] >= 0 {
				t.names[pattern[at[2]:at[3]]] = t.groups
			} else {
				end = at[0] + 1 // what follows may be a group, too
			}
		}
		pattern = pattern[end:]
	}
}

// What ends a line: \n, \r, and the Unicode line and paragraph separators.
const (
	lineEnds    = `[\n\r\u2028\u2029]`
	notLineEnds = `[^\n\r\u2028\u2029]`
	anything    = `[\s\S]`
	nothing     = `(?!)`
	// The engine's own \b asks more than ASCII.
	boundary   = `(?:(?<=\w)(?!\w)|(?<!\w)(?=\w))`
	noBoundary = `(?:(?<=\w)(?=\w)|(?<!\w)(?!\w))`
)

func (t *translator) translate() error {
	for len(t.rest) > 0 {
		c := t.rest[0]
		after := t.assertion
		t.assertion = false
		switch c {
		case '\\':
			if err := t.escape(); err != nil {
				return err
			}
		case '[':
			if err := t.class(); err != nil {
				return err
			}
		case '(':
			if err := t.open(); err != nil {
				return err
			}
		case '.':
			t.emit(1, t.either(t.dotAll, anything, notLineEnds))
		case '^':
			t.assert(1, t.either(t.multiline, `(?<!`+notLineEnds+`)`, `\A`))
		case '$':
			t.assert(1, t.either(t.multiline, `(?!`+notLineEnds+`)`, `\z`))
		case '*', '+', '?':
			if after {
				return fmt.Errorf("nothing to repeat before %q", c)
			}
			t.emit(1, string(c))
		case '{', '}', ']':
			if err := t.brace(c, after); err != nil {
				return err
			}
		default:
			t.emit(1, string(c))
		}
	}
	return nil
}

func (*translator) either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// emit writes text for the next n runes.
func (t *translator) emit(n int, text string) {
	t.out.WriteString(text)
	t.rest = t.rest[n:]
}

func (t *translator) assert(n int, text string) {
	t.emit(n, text)
	t.assertion = true
}

var (
	quantifier = regexp.MustCompile(`^\{\d+(?:,\d*)?\}`)
	modifiers  = regexp.MustCompile(`^\(\?-?i:`)
	namedGroup = regexp.MustCompile(`^\(\?<[\p{L}_$][\p{L}\p{Nd}_$]*>`)
)

// brace reads a quantifier, or a brace or bracket that stands for itself.
func (t *translator) brace(c rune, after bool) error {
	q := ""
	if c == '{' {
		q = quantifier.FindString(string(t.rest))
	}
	switch {
	case q != "" && after:
		return fmt.Errorf("nothing to repeat before %q", q)
	case q != "":
		t.emit(len(q), q)
	case t.unicode:
		return fmt.Errorf("%q stands alone; write \\%c for the character", c, c)
	default:
		t.emit(1, `\`+string(c))
	}
	return nil
}

// open reads the start of a group.
func (t *translator) open() error {
	text := string(t.rest)
	for _, start := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(text, start) {
			t.emit(len(start), start)
			return nil
		}
	}
	if m := modifiers.FindString(text); m != "" {
		t.emit(len(m), m)
		return nil
	}
	if m := namedGroup.FindString(text); m != "" {
		// The engine would number named groups behind all others.
		t.emit(len([]rune(m)), "(")
		return nil
	}
	if strings.HasPrefix(text, "(?") {
		return errors.New("a group starts with (?:, (?=, (?!, (?<=, (?<! or (?<name>, and no other (?")
	}
	t.emit(1, "(")
	return nil
}
