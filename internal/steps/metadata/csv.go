package metadata

import (
	"errors"
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// record is a line of CSV, or several where a quoted field goes on.
type record struct {
	line   int // where it starts
	fields []string
}

var (
	errOpeningQuote = hint.New("a quote stands in the middle of a field", "a quoted field starts with its quote: write \"key=value\" as a whole in quotes, and a quote in it as two")
	errClosingQuote = hint.New("a quoted field goes on after its closing quote", "nothing but a comma follows a closing quote; write a quote in a field as two")
	errOpenQuote    = errors.New("a quote is not closed")
)

// reader reads CSV as the peer's library does. Go's own package differs where
// people's lists do: in what a quote inside of a field means, in where comments
// start, and in line ends, which are all like the first one.
type reader struct {
	lax bool // a quote in the middle of a field is text, and # starts a comment

	text    string // what is still to be read
	newline string // "" until the first one
	line    int
	start   int // line where the record starts

	records []record
	fields  []string
	field   strings.Builder
	quoted  bool // the field began with a quote
	quoting bool // the quote is still open
	comment bool
}

// readRecords splits text into records. Empty lines are none.
func readRecords(text string, lax bool) ([]record, error) {
	r := &reader{lax: lax, text: text, line: 1, start: 1}
	for r.text != "" {
		if err := r.next(); err != nil {
			return nil, err
		}
	}
	if r.quoting {
		return nil, hint.Wrap(fmt.Errorf("line %d: %w", r.start, errOpenQuote), "end the field with a quote, or write a quote in it as two")
	}
	r.endRecord()
	return r.records, nil
}

// next reads a character, or what two or more mean together.
func (r *reader) next() error {
	switch c := r.text[0]; {
	case r.quoting && c == '"':
		return r.closingQuote()
	case r.quoting:
		r.take()
	case c == '"' && !r.comment && r.field.Len() == 0:
		r.quoting, r.text = true, r.text[1:]
	case c == '"' && !r.comment && !r.lax:
		return errOpeningQuote
	case r.atNewline(r.text):
		r.text = r.text[len(r.newline):]
		r.line++
		r.endRecord()
	case r.comment:
		r.text = r.text[1:]
	case c == '#' && r.lax && r.empty():
		r.comment, r.text = true, r.text[1:]
	case c == ',':
		r.endField()
		r.text = r.text[1:]
	default:
		r.take()
	}
	return nil
}

// closingQuote reads a quote inside of a quoted field.
func (r *reader) closingQuote() error {
	rest := r.text[1:]
	switch {
	case strings.HasPrefix(rest, `"`):
		r.text = rest
		r.take()
		return nil
	case rest == "" || rest[0] == ',' || r.lax && rest[0] == '#' || r.atNewline(rest):
		r.text = rest
	case !r.lax:
		return errClosingQuote
	default: // it wasn't meant as a quote
		inner := r.field.String()
		r.field.Reset()
		r.field.WriteString(`"` + inner)
		r.take()
	}
	r.quoting, r.quoted = false, true
	return nil
}

// take moves one byte to the field.
func (r *reader) take() {
	if c := r.text[0]; c == '\n' || c == '\r' && !strings.HasPrefix(r.text, "\r\n") {
		r.line++
	}
	r.field.WriteByte(r.text[0])
	r.text = r.text[1:]
}

// atNewline reports whether text starts with the line end. The first one says
// which of the three it is.
func (r *reader) atNewline(text string) bool {
	if r.newline == "" {
		for _, newline := range []string{"\r\n", "\n", "\r"} {
			if strings.HasPrefix(text, newline) {
				r.newline = newline
				return true
			}
		}
		return false
	}
	return strings.HasPrefix(text, r.newline)
}

// empty reports whether nothing of the record was read yet.
func (r *reader) empty() bool { return r.field.Len() == 0 && len(r.fields) == 0 }

func (r *reader) endField() {
	r.fields = append(r.fields, r.field.String())
	r.field.Reset()
	r.quoted = false
}

func (r *reader) endRecord() {
	if !r.empty() || r.quoted {
		r.endField()
		r.records = append(r.records, record{r.start, r.fields})
		r.fields = nil
	}
	r.start, r.comment = r.line, false
}
