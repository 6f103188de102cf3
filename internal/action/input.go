package action

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/org/release-actions/internal/hint"
)

// Input describes a field of a step's Config that has an input tag:
//
//	`input:"name[,required][,comma][,arg][,alias=other]"`
//
// An alias is the name that another action gives the input: where it has a
// value, that one counts. A field of a struct type without a tag is walked through: its inputs count
// as the Config's own.
type Input struct {
	Name     string
	Required bool // an empty value is an error
	Comma    bool // a list whose items are separated by commas, too
	Arg      bool // takes a command's positional arguments
	Alias    string
	value    reflect.Value
}

// Inputs lists the inputs of the struct that config points to, in order.
func Inputs(config any) []Input {
	var inputs []Input
	walk(reflect.ValueOf(config).Elem(), "input", func(tag string, v reflect.Value) {
		name, options, _ := strings.Cut(tag, ",")
		in := Input{Name: name, value: v}
		for option := range strings.SplitSeq(options, ",") {
			value, isAlias := strings.CutPrefix(option, "alias=")
			switch {
			case option == "required":
				in.Required = true
			case option == "comma":
				in.Comma = true
			case option == "arg":
				in.Arg = true
			case isAlias:
				in.Alias = value
			}
		}
		inputs = append(inputs, in)
	})
	return inputs
}

func walk(v reflect.Value, key string, visit func(tag string, v reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if tag, ok := field.Tag.Lookup(key); ok {
			visit(tag, v.Field(i))
		} else if field.Type.Kind() == reflect.Struct && field.IsExported() {
			walk(v.Field(i), key, visit)
		}
	}
}

// fill fills the struct that config points to from lookup, which returns an
// input's text. It reports every bad input, not just the first, and then the
// rules across fields that a Validate method checks. give says how an input is
// given where the step runs.
func fill(config any, lookup, give func(name string) string) error {
	var errs []error
	for _, in := range Inputs(config) {
		text := lookup(in.Name)
		if strings.TrimSpace(text) == "" {
			if in.Required {
				errs = append(errs, hint.Wrap(fmt.Errorf("input %q is missing", in.Name), "%s", give(in.Name)))
			}
			// White space is a value for plain text only, such as a separator.
			if in.Required || !in.isText() {
				continue
			}
		}
		if err := in.Set(text); err != nil {
			errs = append(errs, fmt.Errorf("input %q: %w", in.Name, err))
		}
	}
	if v, ok := config.(interface{ Validate() error }); ok && len(errs) == 0 {
		errs = append(errs, v.Validate())
	}
	return errors.Join(errs...)
}

// Set parses text into the field.
func (in Input) Set(text string) error {
	v := in.value
	if _, ok := unmarshaler(v); ok || v.Kind() != reflect.Slice {
		return parse(v, text)
	}
	var errs []error
	for _, item := range in.items(text) {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := parse(element, item); err != nil {
			errs = append(errs, err)
			continue
		}
		v.Set(reflect.Append(v, element))
	}
	return errors.Join(errs...)
}

func (in Input) isText() bool {
	_, ok := unmarshaler(in.value)
	return !ok && in.value.Kind() == reflect.String
}

func (in Input) items(text string) []string {
	if in.Comma {
		text = strings.ReplaceAll(text, ",", "\n")
	}
	var items []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			items = append(items, line)
		}
	}
	return items
}

func unmarshaler(v reflect.Value) (encoding.TextUnmarshaler, bool) {
	u, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return u, ok
}

func parse(v reflect.Value, text string) error {
	if u, ok := unmarshaler(v); ok {
		return u.UnmarshalText([]byte(strings.TrimSpace(text)))
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case v.Kind() == reflect.Pointer: // nil where the input isn't given
		element := reflect.New(v.Type().Elem())
		if err := parse(element.Elem(), text); err != nil {
			return err
		}
		v.Set(element)
	case v.Type() == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(trimmed)
		if err != nil || d < 0 {
			return hint.Wrap(fmt.Errorf("%q is not a duration", trimmed), "write it as in \"90s\" or \"10m\"")
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		// The spellings of YAML's core schema, as GitHub's own toolkit takes them.
		switch trimmed {
		case "true", "True", "TRUE":
			v.SetBool(true)
		case "false", "False", "FALSE":
			v.SetBool(false)
		default:
			return hint.Wrap(fmt.Errorf("%q is not a boolean", trimmed), "write true or false")
		}
	case v.Kind() == reflect.Int:
		n, err := strconv.Atoi(trimmed)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", trimmed)
		}
		v.SetInt(int64(n))
	default:
		panic("no input can be of type " + v.Type().String())
	}
	return nil
}

// secrets returns the values in config that must be masked.
func secrets(config any) []string {
	var found []string
	for _, in := range Inputs(config) {
		if s, ok := in.value.Addr().Interface().(interface{ Secrets() []string }); ok {
			found = append(found, s.Secrets()...)
		}
	}
	return found
}

// isSecret reports whether the input holds secrets, which have no place in an
// argument list.
func (in Input) isSecret() bool {
	_, ok := in.value.Addr().Interface().(interface{ Secrets() []string })
	return ok
}
