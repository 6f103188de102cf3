// Command github-script stands in for GitHub's action of that name in the local
// world, which has no Node: it runs the script in $INPUT_SCRIPT with what ours
// use of it, process.env and core's setOutput and setSecret. Anything else is an
// error of the script.
//
// https://github.com/actions/github-script
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dop251/goja"
)

func main() {
	if err := run(os.Getenv("INPUT_SCRIPT"), os.Environ(), os.Getenv("GITHUB_OUTPUT"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs a script with the environment env. Its outputs go to the file
// outputs, its workflow commands to stdout.
func run(script string, env []string, outputs string, stdout io.Writer) error {
	file, err := os.OpenFile(outputs, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	variables := map[string]any{}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		variables[name] = value
	}
	core := map[string]any{
		// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
		"setOutput": func(name, value string) error {
			delimiter := "ghadelimiter_" + rand.Text()
			_, err := fmt.Fprintf(file, "%s<<%s\n%s\n%s\n", name, delimiter, value, delimiter)
			return err
		},
		"setSecret": func(value string) error {
			_, err := fmt.Fprintf(stdout, "::add-mask::%s\n", strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(value))
			return err
		},
	}
	return errors.Join(evaluate(script, core, variables), file.Close())
}

// evaluate runs a script as the body of an asynchronous function, as the action
// does, and returns what it throws.
func evaluate(script string, core, variables map[string]any) error {
	vm := goja.New()
	if err := errors.Join(vm.Set("core", core), vm.Set("process", map[string]any{"env": variables})); err != nil {
		return err
	}
	value, err := vm.RunString("(async function () {\n" + script + "\n})()")
	if err != nil {
		return err
	}
	switch promise := value.Export().(*goja.Promise); promise.State() {
	case goja.PromiseStateFulfilled:
		return nil
	case goja.PromiseStateRejected:
		return fmt.Errorf("the script throws %s", promise.Result())
	default:
		return errors.New("the script waits for ever")
	}
}
