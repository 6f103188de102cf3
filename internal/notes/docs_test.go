package notes_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/notes"
)

const guide = "../../docs/release-notes.md"

// TestTheGuideHasEveryField holds the table of docs/release-notes.md against what
// a template is given: every field and method of notes.Release and of what is in
// it, with the words of its comment.
func TestTheGuideHasEveryField(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- fields -->\n", "<!-- /fields -->"
	before, rest, _ := strings.Cut(string(text), begin)
	was, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no table between %q and %q", guide, begin, end)
	}
	table := "| of | is |\n|---|---|\n"
	for _, row := range describe(t, reflect.TypeFor[notes.Release]()) {
		table += row + "\n"
	}
	if *update {
		if err := os.WriteFile(guide, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if was != table {
		t.Errorf("the table of %s differs; -update writes it anew:\n%s", guide, table)
	}
}

// describe returns a row for each field and method of root and of all structs in
// it that are of this package.
func describe(t *testing.T, root reflect.Type) (rows []string) {
	t.Helper()
	comments := comments(t)
	seen := map[reflect.Type]bool{}
	row := func(owner, name, shown string) {
		comment, ok := strings.CutPrefix(comments[owner+"."+name], name+" ")
		if !ok {
			t.Errorf("%s.%s has no comment that begins with its name", owner, name)
		}
		rows = append(rows, fmt.Sprintf("| %s `.%s` | %s |", owner, shown, strings.TrimSuffix(comment, ".")))
	}
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ.PkgPath() != root.PkgPath() || seen[typ] {
			return
		}
		seen[typ] = true
		var inner []reflect.Type
		for i := range typ.NumField() {
			row(typ.Name(), typ.Field(i).Name, typ.Field(i).Name)
			inner = append(inner, typ.Field(i).Type)
		}
		for i := range typ.NumMethod() {
			method, shown := typ.Method(i), typ.Method(i).Name
			if takes := comments[typ.Name()+"."+shown+"()"]; takes != "" {
				shown += " " + takes
			}
			row(typ.Name(), method.Name, shown)
			inner = append(inner, method.Type.Out(0))
		}
		for _, typ := range inner {
			visit(typ)
		}
	}
	visit(root)
	return rows
}

// comments returns the comment of each field and method of the package, in one
// line, and behind "()" what a method takes.
func comments(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	line := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok {
					for _, field := range s.Fields.List {
						for _, name := range field.Names {
							found[n.Name.Name+"."+name.Name] = line(field.Doc.Text())
						}
					}
				}
			case *ast.FuncDecl:
				if n.Recv != nil {
					if owner, ok := n.Recv.List[0].Type.(*ast.Ident); ok {
						found[owner.Name+"."+n.Name.Name] = line(n.Doc.Text())
						for _, param := range n.Type.Params.List {
							found[owner.Name+"."+n.Name.Name+"()"] = param.Names[0].Name
						}
					}
				}
			}
			return true
		})
	}
	return found
}
