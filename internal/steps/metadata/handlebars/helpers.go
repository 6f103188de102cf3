package handlebars

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mailgun/raymond/v2/ast"

	"github.com/org/release-actions/internal/hint"
)

// call is one use of a helper: its arguments and, for a block, the two bodies.
type call struct {
	args          []any
	named         Object
	body, inverse *ast.Program
}

// helper is one of the language's own functions.
type helper func(*scope, call) (any, error)

var helpers map[string]helper

func init() { // a literal would refer to itself, since bodies are evaluated by helpers
	helpers = map[string]helper{
		"if":     func(s *scope, c call) (any, error) { return s.condition(c, false) },
		"unless": func(s *scope, c call) (any, error) { return s.condition(c, true) },
		"with":   (*scope).with,
		"each":   (*scope).each,
		"lookup": (*scope).lookup,
		"log":    func(*scope, call) (any, error) { return nil, nil },
		// The language's own hooks, which mean nothing without what they hook into.
		"helperMissing":      refuse,
		"blockHelperMissing": refuse,
	}
}

func refuse(*scope, call) (any, error) { return nil, errors.New("is no function to be called") }

func (s *scope) call(h helper, e *ast.Expression) (any, error) {
	args, named, err := s.arguments(e)
	if err != nil {
		return nil, err
	}
	v, err := h(s, call{args: args, named: named})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Canonical(), err)
	}
	return v, nil
}

// block evaluates {{#name …}} … {{/name}}.
func (s *scope) block(b *ast.BlockStatement) (string, error) {
	name := b.Expression.HelperName()
	if h, ok := helpers[name]; ok && name != "" {
		args, named, err := s.arguments(b.Expression)
		if err != nil {
			return "", err
		}
		v, err := h(s, call{args, named, b.Program, b.Inverse})
		if err != nil {
			return "", fmt.Errorf("#%s: %w", name, err)
		}
		return text(v), nil
	}
	v, err := s.expression(b.Expression)
	if err != nil {
		return "", err
	}
	// A value instead of a helper: a list is walked, anything else but false
	// becomes what names in the body refer to.
	switch list, isList := v.([]any); {
	case isList && len(list) > 0:
		return s.walk(list, call{body: b.Program, inverse: b.Inverse})
	case isList, v == nil, v == false:
		return s.program(b.Inverse)
	case v == true:
		return s.program(b.Program)
	}
	return s.enter(v, nil, b.Program, nil).program(b.Program)
}

var errOneArgument = errors.New("takes exactly one argument")

func (s *scope) condition(c call, negate bool) (any, error) {
	if len(c.args) != 1 {
		return nil, errOneArgument
	}
	v, err := value(c.args[0])
	if err != nil {
		return nil, err
	}
	met := truthy(v) || (v == 0.0 && truthy(c.named.Get("includeZero")))
	if met != negate {
		return s.program(c.body)
	}
	return s.program(c.inverse)
}

func (s *scope) with(c call) (any, error) {
	if len(c.args) != 1 {
		return nil, errOneArgument
	}
	v, err := value(c.args[0])
	if err != nil {
		return nil, err
	}
	if !truthy(v) && v != 0.0 {
		return s.program(c.inverse)
	}
	return s.enter(v, nil, c.body, nil).program(c.body)
}

func (s *scope) each(c call) (any, error) {
	if len(c.args) != 1 {
		return nil, errOneArgument
	}
	v, err := value(c.args[0])
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case []any:
		return s.walk(v, c)
	case Object:
		return s.walk(v, c)
	}
	return s.program(c.inverse)
}

// walk evaluates the body for each item of a list or property of an object.
func (s *scope) walk(items any, c call) (string, error) {
	var keys, values []any
	switch items := items.(type) {
	case []any:
		for i := range items {
			keys = append(keys, float64(i))
		}
		values = items
	case Object:
		for _, p := range items {
			keys, values = append(keys, p.Name), append(values, p.Value)
		}
	}
	if len(values) == 0 {
		return s.program(c.inverse)
	}
	var out strings.Builder
	for i, v := range values {
		data := variables{"key": keys[i], "index": float64(i), "first": i == 0, "last": i == len(values)-1}
		text, err := s.enter(v, data, c.body, keys[i]).program(c.body)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

func (s *scope) lookup(c call) (any, error) {
	if len(c.args) != 2 {
		return nil, errors.New("takes an object and a name")
	}
	name := text(c.args[1])
	v, err := property(c.args[0], name)
	if _, ok := v.(Func); ok {
		// The peer prints the function's source.
		return nil, hint.Wrap(fmt.Errorf("%q is computed and can't be looked up", name), "write {{%s}}", name)
	}
	return v, err
}
