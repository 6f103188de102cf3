package publish

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bundleName is the program that all steps but the large one are in. Each would
// be 3 to 8 MB for itself, most of it the same code: 67 MB, where one is 11.
const bundleName = "steps"

// bundle is that program: a package that isn't in the tree, but laid over it for
// go build. It has each step's main.go as a package that can be imported, since
// Go imports no program, and a main function that goes by the name that the
// program is started under.
//
// https://pkg.go.dev/cmd/go#hdr-Compile_packages_and_dependencies (-overlay)
type bundle struct {
	dir     string // of what is laid over
	overlay string // the file that says where
	pkg     string
}

func newBundle(root string, steps []string) (b *bundle, err error) {
	dir, err := os.MkdirTemp("", "steps-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir) // in the temporary folder
		}
	}()
	b = &bundle{dir: dir, overlay: filepath.Join(dir, "overlay.json"), pkg: "./actions/" + bundleName}
	replace := map[string]string{}
	lay := func(at, name, text string) error {
		file := filepath.Join(dir, name)
		replace[filepath.Join(root, "actions", bundleName, at)] = file
		return os.WriteFile(file, []byte(text), 0o600) //nolint:gosec // names of our own folders
	}
	var imports, cases strings.Builder
	for i, step := range steps {
		text, err := os.ReadFile(filepath.Join(root, "actions", step, "main.go"))
		if err != nil {
			return nil, err
		}
		// The contract test of every step holds its main.go to this form.
		library := strings.NewReplacer("package main\n", "package step\n", "func main() {", "func Main() {").Replace(string(text))
		if err := lay(step+"/main.go", step+".go", library); err != nil {
			return nil, err
		}
		replace[filepath.Join(root, "actions", bundleName, step, "action.yml")] = filepath.Join(root, "actions", step, "action.yml")
		fmt.Fprintf(&imports, "\ts%d \"github.com/org/release-actions/actions/%s/%s\"\n", i, bundleName, step)
		fmt.Fprintf(&cases, "\tcase %q:\n\t\ts%d.Main()\n", step, i)
	}
	main := fmt.Sprintf(bundleMain, &imports, &cases)
	if err := lay("main.go", "main.go", main); err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	return b, os.WriteFile(b.overlay, text, 0o600)
}

func (b *bundle) remove() { _ = os.RemoveAll(b.dir) } // in the temporary folder

const bundleMain = `// Command steps is the step that it is started under the name of.
package main

import (
	"os"
	"path/filepath"

%s)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
%s	default:
		_, _ = os.Stderr.WriteString("there is no step \"" + name + "\"\nhint: launch.sh starts this program under a step's name\n")
		os.Exit(2)
	}
}
`
