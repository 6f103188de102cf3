package notes

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode/utf8"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/markdown"
)

//go:embed notes.md.tmpl
var defaults string

// functions are what a template may call, beside the methods of what it is given.
var functions = template.FuncMap{
	"code":  markdown.Code, // foreign text, as code in a line or a table
	"size":  size,          // bytes for people: 12 MB
	"title": title,         // a kind of evidence, as people call it: SPDX
	"list":  list,          // several of them, with commas between
	"lower": strings.ToLower,
}

var parsed = template.Must(template.New("notes.md.tmpl").Funcs(functions).Parse(defaults))

// Template lays out the section: parts, each by a name, one behind the other, or
// one text that decides by itself.
type Template struct {
	parts *template.Template
	whole *template.Template // nil where the parts are chosen
	names []string
}

// Layout is the inputs that lay out the section: an untagged field of a step's
// Config.
type Layout struct {
	Template string   `input:"template"` // a file; ours where ""
	Sections []string `input:"sections,comma"`
}

// Open reads the template that is wanted.
func (l Layout) Open() (*Template, error) {
	if l.Template == "" {
		return Parse("", "", l.Sections)
	}
	text, err := os.ReadFile(l.Template)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("input \"template\": %w", err), "name a file below the workspace")
	}
	return Parse(filepath.Base(l.Template), string(text), l.Sections)
}

// Parse reads a template of a user's: the text of the file name, which errors tell
// with a line. What it defines takes the place of our part of that name, or adds
// one; what is outside of definitions is the whole section. An empty text is our
// own template. sections are the parts that are wanted, in order.
func Parse(name, text string, sections []string) (*Template, error) {
	t := &Template{parts: template.Must(parsed.Clone()), names: sections}
	if strings.TrimSpace(text) != "" {
		own, err := t.parts.New(name).Parse(text)
		if err != nil {
			return nil, hint.Wrap(fmt.Errorf("input \"template\": %w", trim(err)), "see https://pkg.go.dev/text/template, and the table of fields in docs/release-notes.md")
		}
		if own.Tree != nil && !parse.IsEmptyTree(own.Root) {
			t.whole = own
		}
	}
	if t.whole != nil {
		return t, nil
	}
	for _, section := range sections {
		if !slices.Contains(t.known(), section) {
			return nil, hint.Wrap(fmt.Errorf("input \"sections\": there is no section %q", section), "choose from %s, or define it in a template of yours", strings.Join(t.known(), ", "))
		}
	}
	return t, nil
}

// list returns foreign texts as code, with commas between.
func list(texts []string) string {
	var all []string
	for _, text := range texts {
		all = append(all, markdown.Code(text))
	}
	return strings.Join(all, ", ")
}

// known returns the names of the parts.
func (t *Template) known() []string {
	names := map[string]bool{}
	for _, part := range t.parts.Templates() {
		if part.Tree != nil && part.Name() != parsed.Name() && part.Name() != heading && !parse.IsEmptyTree(part.Root) {
			names[part.Name()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// heading is the part that stands before those that are chosen.
const heading = "heading"

const cutNote = "*This section is cut here: there is no room for more.*"

// Render writes the section about r, of at most max characters. A part that has
// nothing to say is left out.
func (t *Template) Render(r Release, max int) (string, error) {
	wanted := []*template.Template{t.whole}
	if t.whole == nil {
		wanted = []*template.Template{t.parts.Lookup(heading)}
		for _, name := range t.names {
			wanted = append(wanted, t.parts.Lookup(name))
		}
	}
	var parts []string
	for _, part := range wanted {
		var b strings.Builder
		if err := part.Execute(&b, r); err != nil {
			return "", hint.Wrap(fmt.Errorf("input \"template\": %w", trim(err)), "docs/release-notes.md has a table of the fields")
		}
		if text := strings.TrimSpace(b.String()); text != "" {
			parts = append(parts, text)
		}
	}
	return markdown.Cut(strings.Join(parts, "\n\n"), max, utf8.RuneCountInString, cutNote), nil
}

// trim takes the package's name off an error, which has the file's name already.
func trim(err error) error {
	if text, ok := strings.CutPrefix(err.Error(), "template: "); ok {
		return errors.New(text)
	}
	return err
}
