package handlebars

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/mailgun/raymond/v2/ast"
)

// scope is where names are looked up: the current value, what encloses it, and
// the data variables (@index) and block parameters of the block.
type scope struct {
	this   any
	parent *scope
	data   variables
	params variables
}

type variables map[string]any

// enter returns the scope of a block's body about value. Block parameters
// ({{#each xs as |x i|}}) name value and key.
func (s *scope) enter(value any, data variables, p *ast.Program, key any) *scope {
	inner := &scope{this: value, parent: s, data: variables{}, params: variables{}}
	maps.Copy(inner.data, s.data)
	maps.Copy(inner.data, data)
	maps.Copy(inner.params, s.params)
	if p != nil {
		for i, v := range []any{value, key} {
			if i < len(p.BlockParams) {
				inner.params[p.BlockParams[i]] = v
			}
		}
	}
	return inner
}

// expression evaluates what stands between braces or parentheses.
func (s *scope) expression(e *ast.Expression) (any, error) {
	name := e.HelperName()
	if helper, ok := helpers[name]; ok && name != "" {
		return s.call(helper, e)
	}
	v, err := s.operand(e.Path, true)
	if err != nil {
		return nil, err
	}
	if f, ok := v.(Func); ok {
		args, named, err := s.arguments(e)
		if err != nil {
			return nil, err
		}
		return f(args, named)
	}
	if v == nil && len(e.Params) > 0 {
		return nil, fmt.Errorf("unknown function %q", e.Canonical())
	}
	return v, nil
}

func (s *scope) arguments(e *ast.Expression) (args []any, named Object, err error) {
	for _, param := range e.Params {
		v, err := s.operand(param, false)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, v)
	}
	if e.Hash != nil {
		for _, pair := range e.Hash.Pairs {
			v, err := s.operand(pair.Val, false)
			if err != nil {
				return nil, nil, err
			}
			// The last of one name counts.
			named = slices.DeleteFunc(named, func(p Property) bool { return p.Name == pair.Key })
			named = append(named, Property{pair.Key, v})
		}
	}
	return args, named, nil
}

// operand evaluates a path, a literal or a subexpression. A literal at the head
// of an expression names a property.
func (s *scope) operand(node ast.Node, head bool) (any, error) {
	if name, ok := ast.LiteralStr(node); ok && head {
		return property(s.this, name)
	}
	switch n := node.(type) {
	case *ast.PathExpression:
		return s.path(n)
	case *ast.SubExpression:
		return s.expression(n.Expression)
	case *ast.StringLiteral:
		return n.Value, nil
	case *ast.BooleanLiteral:
		return n.Value, nil
	case *ast.NumberLiteral:
		return n.Value, nil
	}
	return nil, fmt.Errorf("%s is no value", node)
}

func (s *scope) path(p *ast.PathExpression) (v any, err error) {
	parts := p.Parts
	switch {
	case p.Data:
		v = s.data
	case p.Depth == 0 && !p.Scoped && len(parts) > 0 && s.params[parts[0]] != nil:
		v = s.params
	default:
		at := s
		for range p.Depth {
			if at = at.parent; at == nil {
				return nil, nil
			}
		}
		v = at.this
	}
	for _, part := range parts {
		if v, err = property(v, part); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// property returns a property of v, or nil.
func property(v any, name string) (any, error) {
	if len(name) >= 2 && name[0] == '[' && name[len(name)-1] == ']' {
		name = name[1 : len(name)-1]
	}
	switch v := v.(type) {
	case Object:
		return v.Get(name), nil
	case variables:
		return v[name], nil
	case []any:
		if name == "length" {
			return float64(len(v)), nil
		}
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v) && strconv.Itoa(i) == name {
			return v[i], nil
		}
	case string:
		if name == "length" {
			return float64(len(utf16.Encode([]rune(v)))), nil
		}
	case Func:
		// The function's own, not the text's: what the peer prints means nothing.
		if name == "length" || name == "name" {
			return nil, fmt.Errorf("property %q is asked of a text that is computed, which has none", name)
		}
	}
	return nil, nil
}

// value calls v if it is a function, as the block helpers do.
func value(v any) (any, error) {
	if f, ok := v.(Func); ok {
		return f(nil, nil)
	}
	return v, nil
}

// text is v as it is printed.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = text(item)
		}
		return strings.Join(items, ",")
	}
	return "[object Object]"
}

// truthy is what {{#if}} asks: neither absent, false, 0 nor empty.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	}
	return true
}
