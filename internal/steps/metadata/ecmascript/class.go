package ecmascript

import (
	"errors"
	"fmt"
	"strings"
)

var errRange = errors.New("a range of a class has a set of characters at one end")

// class reads a class: [abc], [^a-z], [\w-].
func (t *translator) class() error {
	t.inClass = true
	defer func() { t.inClass = false }()
	t.rest = t.rest[1:]
	negated := len(t.rest) > 0 && t.rest[0] == '^'
	if negated {
		t.rest = t.rest[1:]
	}
	if len(t.rest) > 0 && t.rest[0] == ']' {
		t.emit(1, t.either(negated, anything, nothing))
		return nil
	}
	t.out.WriteString(t.either(negated, "[^", "["))
	for len(t.rest) > 0 && t.rest[0] != ']' {
		if err := t.member(); err != nil {
			return err
		}
	}
	if len(t.rest) == 0 {
		return errors.New("a class is not closed")
	}
	t.emit(1, "]")
	return nil
}

// member reads a character, a range or a set of a class.
func (t *translator) member() error {
	low, isSet, err := t.atom()
	if err != nil || len(t.rest) < 2 || t.rest[0] != '-' || t.rest[1] == ']' {
		if err == nil && !isSet {
			t.out.WriteString(literal(low))
		}
		return err
	}
	if isSet && !t.unicode { // the hyphen stands for itself
		t.emit(1, `\-`)
		return nil
	}
	if isSet {
		return errRange
	}
	t.rest = t.rest[1:]
	before := t.out.Len()
	high, isSet, err := t.atom()
	switch {
	case err != nil:
		return err
	case isSet && t.unicode:
		return errRange
	case isSet: // what was written is the set
		set := t.out.String()[before:]
		kept := t.out.String()[:before]
		t.out.Reset()
		t.out.WriteString(kept + literal(low) + `\-` + set)
		return nil
	case high < low:
		return fmt.Errorf("the range %c-%c is out of order", low, high)
	}
	t.out.WriteString(literal(low) + "-" + literal(high))
	return nil
}

// atom reads a character of a class. A set such as \d is written at once.
func (t *translator) atom() (c rune, isSet bool, err error) {
	if t.rest[0] != '\\' {
		c, t.rest = t.rest[0], t.rest[1:]
		if t.sets && strings.ContainsRune("()[{}/-|", c) {
			return 0, false, fmt.Errorf("%q stands in a class, and the flag v wants \\%c", c, c)
		}
		return c, false, nil
	}
	if len(t.rest) < 2 {
		return 0, false, errors.New("a backslash ends it")
	}
	if t.rest[1] == 'b' {
		t.rest = t.rest[2:]
		return '\b', false, nil
	}
	set, n, err := t.set()
	if err != nil {
		return 0, false, err
	}
	if n > 0 {
		t.emit(n, set)
		return 0, true, nil
	}
	c, n, err = t.decode()
	t.rest = t.rest[n:]
	return c, false, err
}
