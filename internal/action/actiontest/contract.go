// Package actiontest holds an action's four descriptions of itself against each
// other: its action.yml, the tags of its Go structs, the variables that it
// forwards, and the tables of its README, which it also writes.
package actiontest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action"
)

var update = flag.Bool("update", false, "write the tables of READMEs anew")

// Contract tests the action in the working directory, whose step takes Config C
// and returns Result R. Run with -update it writes the README's tables.
func Contract[C, R any](t *testing.T) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	step := filepath.Base(dir)
	contract := Load(t, "action.yml")
	var config C
	var result R
	inputs := action.Inputs(&config)
	outputs, err := action.Outputs(&result)
	if err != nil {
		t.Fatal(err)
	}
	checkInputs(t, contract, inputs)
	checkDefaults[C](t, contract)
	checkOutputs(t, contract, outputs)
	checkForwarding(t, contract, step)
	Tables(t, contract, "README.md")
}

// Load reads an action.yml and checks what every one of them has.
func Load(t *testing.T, path string) action.Contract {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	contract, err := action.ParseContract(text)
	if err != nil {
		t.Fatal(err)
	}
	if contract.Name == "" || contract.Description == "" {
		t.Errorf("%s: name or description is missing", path)
	}
	if contract.Runs.Using != "composite" {
		t.Errorf("%s: runs.using is %q, want composite", path, contract.Runs.Using)
	}
	for _, param := range slices.Concat(contract.Inputs, contract.Outputs) {
		if strings.TrimSpace(param.Description) == "" {
			t.Errorf("%s: %q has no description", path, param.Name)
		}
		if aliasOf(param) == "" && (param.Name != strings.ToLower(param.Name) || strings.Contains(param.Name, "_")) {
			t.Errorf("%s: %q is not kebab-case", path, param.Name)
		}
	}
	return contract
}

func checkInputs(t *testing.T, contract action.Contract, inputs []action.Input) {
	t.Helper()
	var declared, tagged []string
	for _, param := range contract.Inputs {
		declared = append(declared, param.Name)
	}
	for _, in := range inputs {
		tagged = append(tagged, in.Name)
		if in.Alias != "" {
			tagged = append(tagged, in.Alias)
			if param, ok := contract.Inputs.Get(in.Alias); ok && (aliasOf(param) != in.Name || param.Default != "") {
				t.Errorf("input %q: is %q by %q, want %q, and no default", in.Alias, param.Description, param.Default, aliasText(in.Name))
			}
		}
		if param, ok := contract.Inputs.Get(in.Name); ok && param.Required != in.Required {
			t.Errorf("input %q: required is %v in action.yml and %v in Go", in.Name, param.Required, in.Required)
		}
	}
	sameNames(t, "inputs", declared, tagged)
}

// checkDefaults decodes every default alone, so that a bad one is named.
func checkDefaults[C any](t *testing.T, contract action.Contract) {
	t.Helper()
	for _, param := range contract.Inputs {
		var config C
		for _, in := range action.Inputs(&config) {
			if in.Name != param.Name || param.Literal() == "" {
				continue
			}
			if err := in.Set(param.Literal()); err != nil {
				t.Errorf("the default of input %q: %v", param.Name, err)
			}
		}
	}
}

func checkOutputs(t *testing.T, contract action.Contract, outputs []action.Output) {
	t.Helper()
	var declared, tagged []string
	for _, param := range contract.Outputs {
		if name := aliasOf(param); name != "" {
			if target, ok := contract.Outputs.Get(name); !ok || param.Value != target.Value {
				t.Errorf("output %q: is not what %q is", param.Name, name)
			}
			continue
		}
		declared = append(declared, param.Name)
		if want := "${{ steps.run.outputs." + param.Name + " }}"; param.Value != want {
			t.Errorf("output %q: value is %q, want %q", param.Name, param.Value, want)
		}
	}
	for _, o := range outputs {
		tagged = append(tagged, o.Name)
	}
	sameNames(t, "outputs", declared, tagged)
}

func sameNames(t *testing.T, what string, declared, tagged []string) {
	t.Helper()
	for _, name := range declared {
		if !slices.Contains(tagged, name) {
			t.Errorf("%s: %q is in action.yml and has no tag in Go", what, name)
		}
	}
	for i, name := range tagged {
		if !slices.Contains(declared, name) {
			t.Errorf("%s: %q has a tag in Go and isn't in action.yml", what, name)
		}
		if slices.Contains(tagged[:i], name) {
			t.Errorf("%s: %q has two tags in Go", what, name)
		}
	}
}

// checkForwarding sees to it that the runner's inputs reach the binary: a
// composite's run steps get no INPUT_ variables by themselves.
func checkForwarding(t *testing.T, contract action.Contract, step string) {
	t.Helper()
	run := contract.Runs.Steps[len(contract.Runs.Steps)-1]
	if want := `exec "$GITHUB_ACTION_PATH/../launch.sh" ` + step; strings.TrimSpace(run.Run) != want {
		t.Errorf("run is %q, want %q", run.Run, want)
	}
	if run.ID != "run" || run.Shell != "bash" {
		t.Errorf("the last step has id %q and shell %q, want run and bash", run.ID, run.Shell)
	}
	for _, param := range contract.Inputs {
		if got, want := run.Env[action.Variable(param.Name)], "${{ inputs."+param.Name+" }}"; got != want {
			t.Errorf("input %q: forwarded as %q, want %s: %s", param.Name, got, action.Variable(param.Name), want)
		}
	}
	for name := range run.Env {
		if !slices.ContainsFunc(contract.Inputs, func(p action.Param) bool { return action.Variable(p.Name) == name }) && strings.HasPrefix(name, "INPUT_") {
			t.Errorf("%s is forwarded and is no input", name)
		}
	}
}

// aliasText describes an input or output that is another name of name; aliasOf
// returns that name, or "".
func aliasText(name string) string { return "Another name of `" + name + "`." }

func aliasOf(p action.Param) string {
	if name, ok := strings.CutPrefix(p.Description, "Another name of `"); ok {
		return strings.TrimSuffix(name, "`.")
	}
	return ""
}

// merged returns what tables show: no aliases, but a word on them.
func merged(params action.Params) action.Params {
	var shown action.Params
	for _, p := range params {
		if aliasOf(p) != "" {
			continue
		}
		for _, other := range params {
			if aliasOf(other) == p.Name {
				p.Description = strings.TrimSpace(p.Description) + " Also: `" + other.Name + "`."
			}
		}
		shown = append(shown, p)
	}
	return shown
}

// Tables checks the tables of inputs and outputs in a README, or writes them
// with -update.
func Tables(t *testing.T, contract action.Contract, path string) {
	t.Helper()
	Block(t, path, "inputs", inputTable(merged(contract.Inputs)))
	Block(t, path, "outputs", outputTable(merged(contract.Outputs)))
}

// Block checks a generated part of a document, between <!-- name --> and
// <!-- /name -->, or writes it with -update.
func Block(t *testing.T, path, name, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(string(text), start)
	have, after, closed := strings.Cut(rest, end)
	switch {
	case !ok || !closed:
		t.Errorf("%s: has no part between %s and %s", path, strings.TrimSpace(start), end)
	case have == want:
	case !*update:
		t.Errorf("%s: the part %q is out of date; make generate writes it anew", path, name)
	default:
		if err := os.WriteFile(path, []byte(before+start+want+end+after), 0o644); err != nil { //nolint:gosec // documentation
			t.Fatal(err)
		}
	}
}

func inputTable(params action.Params) string {
	var b strings.Builder
	b.WriteString("| input | default | meaning |\n|---|---|---|\n")
	for _, p := range params {
		value := "**required**"
		if !p.Required {
			value = code(p.Default)
		}
		b.WriteString("| `" + p.Name + "` | " + value + " | " + cell(p.Description) + " |\n")
	}
	return b.String()
}

func outputTable(params action.Params) string {
	var b strings.Builder
	b.WriteString("| output | meaning |\n|---|---|\n")
	for _, p := range params {
		b.WriteString("| `" + p.Name + "` | " + cell(p.Description) + " |\n")
	}
	return b.String()
}

func code(s string) string {
	if s = cell(s); s != "" {
		return "`" + s + "`"
	}
	return ""
}

func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}
