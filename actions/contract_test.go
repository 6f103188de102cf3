// Package actions_test holds the root action against the contracts of the
// steps that it runs.
package actions_test

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/runlog"
)

// order is the pipeline. It is what makes the promises: nothing has a tag
// before promote, and promote comes after verify.
var order = []string{"plan", "metadata", "build-push", "merge", "sbom", "sign", "attest", "scan", "verify", "promote", "release-notes", "dockerhub-readme", "summary"}

// conditions are all the conditions that there are: what plan says decides what
// a run does, whether images were built elsewhere, and whether to scan, and nothing
// else. The page about the run comes in any case.
var conditions = map[string]string{
	"build-push": "inputs.digests == '' || steps.plan.outputs.push == 'false'", "merge": "inputs.digests != '' && " + pushed,
	"sign": pushed, "attest": pushed, "scan": "inputs.scan == 'true'", "verify": pushed, "promote": pushed,
	"release-notes": released, "dockerhub-readme": released, "summary": "always()",
}

const (
	pushed   = "steps.plan.outputs.push == 'true'"
	released = "steps.plan.outputs.release == 'true'"
)

var (
	inputRef  = regexp.MustCompile(`inputs\.([a-z0-9-]+)`)
	outputRef = regexp.MustCompile(`steps\.([a-z0-9-]+)\.outputs\.([a-z0-9-]+)`)
)

func TestRootAction(t *testing.T) {
	t.Parallel()
	root := actiontest.Load(t, "../action.yml")
	actiontest.Tables(t, root, "../README.md")
	steps := map[string]action.Contract{}
	for _, name := range order {
		steps[name] = actiontest.Load(t, filepath.Join(name, "action.yml"))
	}
	var ran []string
	used := map[string]bool{}
	for _, step := range root.Runs.Steps {
		if step.ID == runtimeStep { // see TestTheBuildAloneGetsTheCache
			continue
		}
		contract, known := steps[step.ID]
		if !known {
			t.Errorf("step %q is no action of ours", step.ID)
			continue
		}
		if want := `exec "$GITHUB_ACTION_PATH/actions/launch.sh" ` + step.ID; step.Run != want || step.Shell != "bash" || step.Uses != "" {
			t.Errorf("step %q runs %q in %q, want %q in bash", step.ID, step.Run, step.Shell, want)
		}
		if step.If != conditions[step.ID] {
			t.Errorf("step %q runs if %q, want %q: the root action holds no logic", step.ID, step.If, conditions[step.ID])
		}
		checkRefs(t, root, steps, ran, "step "+step.ID+": if", step.If)
		for _, m := range inputRef.FindAllStringSubmatch(step.If, -1) {
			used[m[1]] = true
		}
		for variable, value := range step.Env {
			checkForwarded(t, root, steps, ran, contract, step.ID, variable, value)
			for _, m := range inputRef.FindAllStringSubmatch(value, -1) {
				used[m[1]] = true
			}
		}
		for _, param := range contract.Inputs {
			_, given := step.Env[action.Variable(param.Name)]
			// An expression can't be evaluated by the binary, so the root has to.
			if !given && (param.Required || strings.Contains(param.Default, "${{")) {
				t.Errorf("step %q isn't given its input %q", step.ID, param.Name)
			}
			if _, ok := root.Inputs.Get(param.Name); ok && !given {
				t.Errorf("step %q isn't given the root's input %q", step.ID, param.Name)
			}
		}
		ran = append(ran, step.ID)
		// The last step makes a page of what all others write into one file.
		if got := step.Env[cmp.Or(map[string]string{"summary": "INPUT_RUNLOG"}[step.ID], runlog.Variable)]; got != "${{ runner.temp }}/release-actions.jsonl" {
			t.Errorf("step %q has the run's log in %q", step.ID, got)
		}
	}
	if !slices.Equal(ran, order) {
		t.Errorf("the steps are %v, want %v", ran, order)
	}
	for _, param := range root.Inputs {
		if !used[param.Name] {
			t.Errorf("input %q is used by no step", param.Name)
		}
	}
	for _, param := range root.Outputs {
		checkRefs(t, root, steps, ran, "output "+param.Name, param.Value)
	}
}

func checkForwarded(t *testing.T, root action.Contract, steps map[string]action.Contract, ran []string, contract action.Contract, id, variable, value string) {
	t.Helper()
	if strings.HasPrefix(variable, "INPUT_") && !slices.ContainsFunc(contract.Inputs, func(p action.Param) bool { return action.Variable(p.Name) == variable }) {
		t.Errorf("step %q is given %s, which is no input of it", id, variable)
	}
	checkRefs(t, root, steps, ran, "step "+id+": "+variable, value)
}

// checkRefs sees to it that an expression names inputs of the root and outputs
// of steps that ran before.
func checkRefs(t *testing.T, root action.Contract, steps map[string]action.Contract, ran []string, where, value string) {
	t.Helper()
	for _, m := range inputRef.FindAllStringSubmatch(value, -1) {
		if _, ok := root.Inputs.Get(m[1]); !ok {
			t.Errorf("%s: the root has no input %q", where, m[1])
		}
	}
	for _, m := range outputRef.FindAllStringSubmatch(value, -1) {
		if !slices.Contains(ran, m[1]) {
			t.Errorf("%s: step %q hasn't run by then", where, m[1])
		} else if _, ok := steps[m[1]].Outputs.Get(m[2]); !ok {
			t.Errorf("%s: step %q has no output %q", where, m[1], m[2])
		}
	}
}

// TestEveryActionHasAContractTest keeps a new action from slipping through.
func TestEveryActionHasAContractTest(t *testing.T) {
	t.Parallel()
	mains, err := filepath.Glob("*/main.go")
	if err != nil || len(mains) < len(order) {
		t.Fatalf("found %d actions, %v", len(mains), err)
	}
	for _, main := range mains {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(main), "main_test.go"))
		if err != nil || !strings.Contains(string(text), "actiontest.Contract[") {
			t.Errorf("%s has no contract test: %v", filepath.Dir(main), err)
		}
		if source, err := os.ReadFile(main); err != nil || strings.Count(string(source), "\n") > 60 {
			t.Errorf("%s is more than wiring: %v", main, err)
		}
	}
}

// TestOneInputHasOneMeaning holds what all steps say alike about inputs that
// most of them have.
func TestOneInputHasOneMeaning(t *testing.T) {
	t.Parallel()
	root := actiontest.Load(t, "../action.yml")
	for _, step := range order {
		contract := actiontest.Load(t, filepath.Join(step, "action.yml"))
		if contract.Name != step {
			t.Errorf("%s has the name %q", step, contract.Name)
		}
		for _, name := range []string{"dockerhub-username", "registry-auth", "signing-config"} {
			want, _ := root.Inputs.Get(name)
			if param, ok := contract.Inputs.Get(name); ok && param.Description != want.Description {
				t.Errorf("%s: %q is described as %q, and in the root as %q", step, name, param.Description, want.Description)
			}
		}
	}
}
