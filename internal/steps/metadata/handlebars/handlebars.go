// Package handlebars evaluates the templates of tag rules and labels as
// Handlebars 4 does in the runner's language. The grammar is raymond's; its
// evaluator is not used, since it escapes other characters, knows more
// helpers, takes an unknown helper for an empty text and joins lists without a
// comma, each of which would change tags.
//
// https://handlebarsjs.com/guide/
package handlebars

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mailgun/raymond/v2/ast"
	"github.com/mailgun/raymond/v2/parser"

	"github.com/org/release-actions/internal/hint"
)

// Object is a value with properties; a template's context is one. {{#each}}
// walks them in their order.
type Object []Property

// Property is a named value: a string, a bool, a float64, a list of values, an
// Object, or a Func.
type Property struct {
	Name  string
	Value any
}

// Get returns the value of a property, or nil where there is none.
func (o Object) Get(name string) any {
	for _, p := range o {
		if p.Name == name {
			return p.Value
		}
	}
	return nil
}

// Func is a property that is computed. It gets the arguments and the named
// arguments of the expression that mentions it.
type Func func(args []any, named Object) (any, error)

// Template is a parsed template.
type Template struct{ program *ast.Program }

// Parse parses text.
func Parse(text string) (*Template, error) {
	program, err := parser.Parse(text)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("template %q: %s", text, parseError(err)), "an expression is a name in double braces, as in {{branch}}")
	}
	return &Template{program}, nil
}

var lexerError = regexp.MustCompile(`Error\{"(.*)"\}`)

// parseError makes one line of the parser's message, which names its tokens
// below a heading.
func parseError(err error) string {
	message := strings.Join(strings.Fields(err.Error()), " ")
	if m := lexerError.FindStringSubmatch(message); m != nil {
		message = m[1]
	}
	return strings.ToLower(message[:1]) + message[1:]
}

// Render parses text and executes it with context.
func Render(text string, context Object) (string, error) {
	if !strings.Contains(text, "{{") && !strings.Contains(text, `\`) {
		return text, nil
	}
	t, err := Parse(text)
	if err != nil {
		return "", err
	}
	out, err := t.Execute(context)
	if err != nil {
		return "", fmt.Errorf("template %q: %w", text, err)
	}
	return out, nil
}

// Execute renders the template with context.
func (t *Template) Execute(context Object) (string, error) {
	root := &scope{this: context, data: variables{"root": context}}
	return root.program(t.program)
}

// IsProperty reports whether the template is one expression that names the
// property name, and nothing else.
func (t *Template) IsProperty(name string) bool {
	if len(t.program.Body) != 1 {
		return false
	}
	m, ok := t.program.Body[0].(*ast.MustacheStatement)
	if !ok {
		return false
	}
	path, ok := m.Expression.Path.(*ast.PathExpression)
	return ok && len(path.Parts) == 1 && path.Parts[0] == name
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;", "`", "&#x60;", "=", "&#x3D;")

func (s *scope) program(p *ast.Program) (string, error) {
	if p == nil {
		return "", nil
	}
	var out strings.Builder
	for _, node := range p.Body {
		text, err := s.statement(node)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

func (s *scope) statement(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.ContentStatement:
		return n.Value, nil
	case *ast.MustacheStatement:
		v, err := s.expression(n.Expression)
		if err != nil {
			return "", err
		}
		if n.Unescaped {
			return text(v), nil
		}
		return escaper.Replace(text(v)), nil
	case *ast.BlockStatement:
		return s.block(n)
	case *ast.CommentStatement:
		return "", nil
	}
	return "", fmt.Errorf("partials such as {{> name}} have no meaning here")
}
