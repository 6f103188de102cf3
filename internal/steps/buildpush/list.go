package buildpush

import (
	"errors"
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/lines"
	"github.com/org/release-actions/internal/secret"
)

// Lines is a list with one item a line.
type Lines = lines.List

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
	var items Lines
	if err := items.UnmarshalText(text); err != nil {
		return err
	}
	var errs []error
	for i, line := range items {
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
