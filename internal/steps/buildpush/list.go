package buildpush

import (
	"errors"
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
)

// Lines is a list with one item a line, as docker/build-push-action takes it:
// commas mean nothing, and an item in double quotes may go over several lines,
// with "" for a quote inside.
type Lines []string

// UnmarshalText parses the list. Its errors tell the item's number, and nothing
// of what is written there.
func (l *Lines) UnmarshalText(text []byte) error {
	var items Lines
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

// Pair is "name=value".
type Pair struct{ Name, Value string }

// UnmarshalText parses "name=value".
func (p *Pair) UnmarshalText(text []byte) error {
	var ok bool
	p.Name, p.Value, ok = strings.Cut(string(text), "=")
	if !ok || p.Name == "" || p.Value == "" {
		return fmt.Errorf("%q is not name=value", text)
	}
	return nil
}

// Secret is a value that a build may read: RUN --mount=type=secret,id=…
type Secret struct {
	ID    string
	Value secret.String
}

// SecretList is the input secrets: Lines of id=value.
type SecretList []Secret

// Secrets returns the values, to be masked.
func (l SecretList) Secrets() []string {
	var values []string
	for _, s := range l {
		values = append(values, s.Value.Secrets()...)
	}
	return values
}

// UnmarshalText parses the list. Its errors show no values.
func (l *SecretList) UnmarshalText(text []byte) error {
	var lines Lines
	if err := lines.UnmarshalText(text); err != nil {
		return err
	}
	var errs []error
	for i, line := range lines {
		id, value, ok := strings.Cut(line, "=")
		switch {
		case !ok || id == "":
			errs = append(errs, hint.New(fmt.Sprintf("item %d is not id=value", i+1), "put a value with line breaks in double quotes, as in \"id=…\""))
		case value == "":
			errs = append(errs, hint.New(fmt.Sprintf("secret %q is empty", id), "see that the repository has it; runs for pull requests from forks and Dependabot have none"))
		default:
			*l = append(*l, Secret{ID: id, Value: secret.New(value)})
		}
	}
	return errors.Join(errs...)
}
