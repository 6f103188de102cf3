package metadata

import (
	"cmp"
	"errors"
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
	records, err := readRecords(string(text), true)
	if err != nil {
		return err
	}
	*l = nil
	for _, r := range records {
		// Quotes group a line for this reading only; attributes are split anew.
		if text := trim(strings.Join(r.fields, ",")); text != "" {
			*l = append(*l, Entry{r.line, text})
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

// attributes reads an entry of key=value pairs. A field without a key is passed
// with the key "". The value ends at a second = where cut says so, as the peer
// reads images and flavors.
func (e Entry) attributes(cut bool, visit func(key, value string) error) error {
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
			key = cmp.Or(key, "=")
		}
		if err := visit(strings.ToLower(trim(key)), trim(value)); err != nil {
			return e.errorf("%w", err)
		}
	}
	return nil
}

// trim cuts white space as the peer's language does: a byte order mark is some.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
}

type record struct {
	line   int
	fields []string
}

var errQuote = errors.New("a quote stands in the middle of a field")

// reader reads CSV. Go's own package differs where people's lists do: in what
// a quote inside of a field means, and in where comments start.
type reader struct {
	lax     bool // a quote in the middle of a field is text, and # starts a comment
	records []record
	fields  []string
	field   strings.Builder
	quoted  bool // the field began with a quote
	line    int
	start   int // line where the record starts
}

// readRecords splits text into records. Empty lines are none.
func readRecords(text string, lax bool) ([]record, error) {
	r := &reader{lax: lax, line: 1, start: 1}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(trim(text))
	for text != "" {
		rest, err := r.next(text)
		if err != nil {
			return nil, err
		}
		text = rest
	}
	r.endRecord()
	return r.records, nil
}

// next reads a quoted passage or one character.
func (r *reader) next(text string) (rest string, err error) {
	atStart := r.field.Len() == 0 && !r.quoted
	switch c := text[0]; {
	case c == '"' && atStart:
		return r.quotedField(text[1:])
	case c == '"' && !r.lax:
		return "", hint.Wrap(errQuote, "a quoted field starts with its quote: write \"key=value\" as a whole in quotes, and a quote in it as two")
	case c == '#' && r.lax && atStart && len(r.fields) == 0:
		_, rest, _ := strings.Cut(text, "\n")
		r.line++
		r.start = r.line
		return rest, nil
	case c == ',':
		r.endField()
	case c == '\n':
		r.endRecord()
		r.line++
		r.start = r.line
	default:
		r.field.WriteByte(c)
	}
	return text[1:], nil
}

// quotedField reads what follows an opening quote, through the closing one.
func (r *reader) quotedField(text string) (rest string, err error) {
	for {
		i := strings.IndexByte(text, '"')
		if i < 0 {
			return "", hint.Wrap(fmt.Errorf("line %d: a quote is not closed", r.start), "end the field with a quote, or write a quote in it as two")
		}
		r.field.WriteString(text[:i])
		r.line += strings.Count(text[:i], "\n")
		text = text[i+1:]
		switch {
		case strings.HasPrefix(text, `"`):
			r.field.WriteByte('"')
			text = text[1:]
		case text == "" || text[0] == ',' || text[0] == '\n':
			r.quoted = true
			return text, nil
		case !r.lax:
			return "", hint.Wrap(errQuote, "nothing but a comma follows a closing quote; write a quote in a field as two")
		default: // it wasn't meant as a quote
			inner := r.field.String()
			r.field.Reset()
			r.field.WriteString(`"` + inner + `"`)
			return text, nil
		}
	}
}

func (r *reader) endField() {
	r.fields = append(r.fields, r.field.String())
	r.field.Reset()
	r.quoted = false
}

func (r *reader) endRecord() {
	if r.field.Len() == 0 && !r.quoted && len(r.fields) == 0 {
		return
	}
	r.endField()
	r.records = append(r.records, record{r.start, r.fields})
	r.fields = nil
}
