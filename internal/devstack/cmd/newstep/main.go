// Command newstep writes a step that works and passes its tests, to be changed
// into the one that is wanted: newstep NAME
package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed template
var templates embed.FS

// files says where each template goes, below a checkout.
var files = map[string]string{
	"action.yml":   "actions/{{.Name}}/action.yml",
	"README.md":    "actions/{{.Name}}/README.md",
	"main.go":      "actions/{{.Name}}/main.go",
	"main_test.go": "actions/{{.Name}}/main_test.go",
	"step.go":      "internal/steps/{{.Package}}/{{.Package}}.go",
	"step_test.go": "internal/steps/{{.Package}}/{{.Package}}_test.go",
}

// stepName is kebab-case; it is a folder, a program and part of an action's name.
var stepName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: make new-step NAME=my-step")
		os.Exit(2)
	}
	if err := write(".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "newstep:", err)
		os.Exit(1)
	}
	fmt.Printf("actions/%s and its package below internal/steps are written; now run: make generate && go test ./actions/... ./internal/...\n", os.Args[1])
}

// write writes the files of the step into the checkout at root. None may be there.
func write(root, name string) error {
	if !stepName.MatchString(name) {
		return fmt.Errorf("%q is no name for a step: write it as in \"my-step\"", name)
	}
	step := struct{ Name, Package string }{name, strings.ReplaceAll(name, "-", "")}
	texts := map[string]string{}
	for source, target := range files {
		raw, err := templates.ReadFile("template/" + source + ".tmpl")
		if err != nil {
			return err
		}
		path, err := fill(target, step)
		if err != nil {
			return err
		}
		path = filepath.Join(root, path)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, fmt.Errorf("%s is there already", path))
		}
		if texts[path], err = fill(string(raw), step); err != nil {
			return err
		}
	}
	for path, text := range texts {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func fill(text string, step any) (string, error) {
	parsed, err := template.New("").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = parsed.Execute(&b, step)
	return b.String(), err
}
