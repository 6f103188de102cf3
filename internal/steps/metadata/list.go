package metadata

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/org/release-actions/internal/hint"
)

// An Entry is one item of a list input, and the line where it starts.
type Entry struct {
	Line int
	Text string
}

// List is an input of one entry a line. A line that starts with # is a comment.
// An entry may be quoted as in CSV (RFC 4180), and then go on for lines.
type List []Entry

// UnmarshalText reads the entries.
func (l *List) UnmarshalText(text []byte) error {
	records, err := readRecords(trim(string(text)), true)
	if err != nil {
		return err
	}
	*l = nil
	for _, r := range records {
		// Quotes group a line for this reading only; attributes are split anew.
		if text := strings.Join(r.fields, ","); text != "" {
			*l = append(*l, Entry{r.line, trim(text)})
		}
	}
	return nil
}

// fields splits an entry at its commas.
func (e Entry) fields() ([]string, error) {
	records, err := readRecords(e.Text, false)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	return records[0].fields, nil
}

// errorf returns an error about the entry.
func (e Entry) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d, %q: %w", e.Line, e.Text, fmt.Errorf(format, args...))
}

// noKey is the key of a field that has nothing before its =.
const noKey = "="

// attributes reads an entry of key=value pairs. A field without = is passed
// with the key "". The value ends at a second = where cut says so, as the peer
// reads images and flavors.
func (e Entry) attributes(cut bool, visit func(key, value string) error) error {
	if e.Text == "" {
		return hint.Wrap(fmt.Errorf("line %d has nothing but white space", e.Line), "delete the line, or leave it empty")
	}
	fields, err := e.fields()
	if err != nil {
		return e.errorf("%w", err)
	}
	for _, field := range fields {
		key, value, found := strings.Cut(field, "=")
		switch {
		case !found, key == "" && !cut:
			key, value = "", field
		case cut:
			value, _, _ = strings.Cut(value, "=")
			fallthrough
		default:
			key = cmp.Or(strings.ToLower(trim(key)), noKey)
		}
		if err := visit(key, trim(value)); err != nil {
			return e.errorf("%w", err)
		}
	}
	return nil
}

// trim cuts white space as the peer's language does: a byte order mark is some,
// and a next-line control is none.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) && r != '\u0085' || r == '\ufeff' })
}
