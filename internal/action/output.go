package action

import (
	"bytes"
	"crypto/rand"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// Output is a field of a step's Result that has an output tag: `output:"name"`.
type Output struct {
	Name, Value string
}

// Outputs lists the outputs of the struct that result points to, in order.
// Lists are joined by newlines.
func Outputs(result any) ([]Output, error) {
	var outputs []Output
	var errs []error
	walk(reflect.ValueOf(result).Elem(), "output", func(tag string, v reflect.Value) {
		text, err := format(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("output %q: %w", tag, err))
		}
		outputs = append(outputs, Output{Name: tag, Value: text})
	})
	return outputs, errors.Join(errs...)
}

func format(v reflect.Value) (string, error) {
	switch value := v.Addr().Interface().(type) {
	case *json.RawMessage:
		return string(*value), nil
	case encoding.TextMarshaler:
		text, err := value.MarshalText()
		return string(text), err
	}
	if v.Kind() == reflect.Slice {
		lines := make([]string, v.Len())
		for i := range lines {
			var err error
			if lines[i], err = format(v.Index(i)); err != nil {
				return "", err
			}
		}
		return strings.Join(lines, "\n"), nil
	}
	return fmt.Sprint(v.Interface()), nil
}

// appendValues adds name-value pairs to one of the runner's files, GITHUB_OUTPUT
// or GITHUB_ENV. Each has a random delimiter, so that no value can end its
// block and forge another.
//
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#multiline-strings
func appendValues(path string, values []Output) error {
	var text bytes.Buffer
	for _, o := range values {
		delimiter := "end-" + rand.Text()
		fmt.Fprintf(&text, "%s<<%s\n%s\n%s\n", o.Name, delimiter, o.Value, delimiter)
	}
	return appendFile(path, text.Bytes())
}

// appendFile writes in one call, since steps of one job share these files.
func appendFile(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(text)
	return err
}
