package ecmascript

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// literal writes a character that stands for itself, inside of a class or not.
func literal(c rune) string {
	if c < 0x80 && !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && !unicode.IsControl(c) {
		return `\` + string(c)
	}
	if unicode.IsControl(c) {
		return fmt.Sprintf(`\x%02x`, c)
	}
	return string(c)
}

// escape reads an escape outside of a class.
func (t *translator) escape() error {
	if len(t.rest) < 2 {
		return errors.New("a backslash ends it")
	}
	switch c := t.rest[1]; {
	case c == 'b', c == 'B':
		t.assert(2, t.either(c == 'b', boundary, noBoundary))
	case c >= '1' && c <= '9':
		digits := t.take(1, unicode.IsDigit, len(t.rest))
		if n, err := strconv.Atoi(digits); err == nil && n <= t.groups {
			t.emit(1+len(digits), `(?:\`+digits+`)`)
			return nil
		}
		if t.unicode {
			return fmt.Errorf("there is no group for \\%s", digits)
		}
		return t.character()
	case c == 'k' && (t.unicode || len(t.names) > 0):
		name, ok := strings.CutPrefix(t.take(2, func(r rune) bool { return r != '>' }, len(t.rest)), "<")
		number := t.names[name]
		if end := 3 + len([]rune(name)); !ok || number == 0 || end >= len(t.rest) {
			return fmt.Errorf("there is no group for \\k<%s>", name)
		}
		t.emit(4+len([]rune(name)), fmt.Sprintf(`(?:\%d)`, number))
	default:
		if set, n, err := t.set(); err != nil || n > 0 {
			t.emit(n, set)
			return err
		}
		return t.character()
	}
	return nil
}

// take returns the runes from the given one on that belong, max at most.
func (t *translator) take(from int, belongs func(rune) bool, most int) string {
	from = min(from, len(t.rest))
	end := from
	for end < len(t.rest) && end-from < most && belongs(t.rest[end]) {
		end++
	}
	return string(t.rest[from:end])
}

// set reads an escape that stands for several characters; n is 0 where it is
// another.
func (t *translator) set() (text string, n int, err error) {
	switch c := t.rest[1]; {
	case strings.ContainsRune("dDwWsS", c):
		return `\` + string(c), 2, nil
	case (c == 'p' || c == 'P') && t.unicode:
		name, ok := strings.CutPrefix(t.take(2, func(r rune) bool { return r != '}' }, len(t.rest)), "{")
		n := 4 + len([]rune(name))
		if !ok || n > len(t.rest) {
			return "", 0, fmt.Errorf(`\%c is followed by a property, as in \p{L}`, c)
		}
		// \p{Script=Greek} is \p{Greek} for the engine.
		return `\` + string(c) + "{" + name[strings.IndexByte(name, '=')+1:] + "}", n, nil
	}
	return "", 0, nil
}

var controls = map[rune]rune{'t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r'}

func isHex(r rune) bool { return unicode.Is(unicode.ASCII_Hex_Digit, r) }

func isOctal(r rune) bool { return r >= '0' && r <= '7' }

// character reads an escape that stands for one character.
func (t *translator) character() error {
	c, n, err := t.decode()
	if err != nil {
		return err
	}
	t.emit(n, literal(c))
	return nil
}

// decode returns the character that an escape stands for, and how long the
// escape is.
func (t *translator) decode() (c rune, n int, err error) {
	if len(t.rest) < 2 {
		return 0, 0, errors.New("a backslash ends it")
	}
	c = t.rest[1]
	if control, ok := controls[c]; ok {
		return control, 2, nil
	}
	switch {
	case c == 'c' && len(t.rest) > 2 && t.isControl(t.rest[2]):
		return t.rest[2] % 32, 3, nil
	case c == 'c' && !t.unicode:
		return '\\', 1, nil
	case c == 'x':
		if hex := t.take(2, isHex, 2); len(hex) == 2 {
			return integer(hex, 16), 4, nil
		}
	case c == 'u':
		if hex := t.take(2, isHex, 4); len(hex) == 4 {
			return integer(hex, 16), 6, nil
		}
		if hex := t.take(3, isHex, 6); t.unicode && hex != "" && strings.HasPrefix(string(t.rest[2:]), "{"+hex+"}") {
			return integer(hex, 16), 4 + len(hex), nil
		}
	case isOctal(c):
		octal := t.take(1, isOctal, 3)
		if t.unicode && (octal != "0" || len(t.rest) > 2 && unicode.IsDigit(t.rest[2])) {
			break
		}
		if octal[0] > '3' {
			octal = octal[:min(2, len(octal))]
		}
		return integer(octal, 8), 1 + len(octal), nil
	}
	if t.unicode && !strings.ContainsRune(`^$\.*+?()[]{}|/`, c) && (c != '-' || !t.inClass) {
		return 0, 0, fmt.Errorf(`\%c has no meaning with the flags u and v`, c)
	}
	return c, 2, nil // it stands for itself
}

// isControl reports whether \c and the character stand for a control.
func (t *translator) isControl(c rune) bool {
	if t.inClass && !t.unicode && (c == '_' || c >= '0' && c <= '9') {
		return true
	}
	return c < 0x80 && unicode.IsLetter(c)
}

// integer reads digits as a character's number.
func integer(digits string, base int) rune {
	value, err := strconv.ParseInt(digits, base, 32)
	if err != nil || value > unicode.MaxRune {
		return unicode.ReplacementChar
	}
	return rune(value)
}
