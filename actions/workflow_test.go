package actions_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/action/actiontest"
)

const workflowPath = "../.github/workflows/release.yml"

// workflow is what a reusable workflow says.
//
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
type workflow struct {
	On struct {
		Call struct {
			Inputs  action.Params `yaml:"inputs"`
			Secrets action.Params `yaml:"secrets"`
			Outputs action.Params `yaml:"outputs"`
		} `yaml:"workflow_call"`
	} `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Permissions map[string]string  `yaml:"permissions"`
		Outputs     map[string]string  `yaml:"outputs"`
		Steps       []action.StepEntry `yaml:"steps"`
	} `yaml:"jobs"`
}

// unasked are inputs that the workflow has and doesn't hand to an action with an
// input of that name, by job and action.
var unasked = map[string][]string{
	"plan metadata":    {"context", "compare-to"},                                                          // the release compares
	"build metadata":   {"context"},                                                                        // another thing by the same name
	"build build-push": {"tags"},                                                                           // the release's
	"build sbom":       {"images", "compare-to", "dockerhub-username", "dockerhub-token", "registry-auth"}, // it reads a layout
}

func load(t *testing.T) workflow {
	t.Helper()
	text, err := os.ReadFile(workflowPath)
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestReusableWorkflowSaysWhatTheRootSays(t *testing.T) {
	t.Parallel()
	w := load(t)
	root, plan := actiontest.Load(t, "../action.yml"), actiontest.Load(t, "plan/action.yml")
	for _, param := range append(w.On.Call.Inputs, w.On.Call.Secrets...) {
		want, ok := root.Inputs.Get(param.Name)
		if !ok {
			want, ok = plan.Inputs.Get(param.Name)
		}
		if param.Name == "build-secrets" {
			want, ok = root.Inputs.Get("secrets")
		}
		if !ok {
			t.Errorf("input %q is neither the root's nor plan's", param.Name)
		} else if param.Description != want.Description || param.Required != want.Required || param.Default != want.Default && param.Default != "false" {
			t.Errorf("input %q is described as %+v, and in the action as %+v", param.Name, param, want)
		}
	}
	actiontest.Tables(t, action.Contract{Inputs: w.On.Call.Inputs, Outputs: w.On.Call.Outputs}, "../docs/native-matrix.md")
	for _, param := range w.On.Call.Outputs {
		if param.Description == "" || !regexp.MustCompile(`^\$\{\{ jobs\.(plan|release)\.outputs\.`+param.Name+` \}\}$`).MatchString(param.Value) {
			t.Errorf("output %q is %q, %q", param.Name, param.Value, param.Description)
		}
	}
}

func TestReusableWorkflowHandsEveryInputOn(t *testing.T) {
	t.Parallel()
	w := load(t)
	root := actiontest.Load(t, "../action.yml")
	given := append(w.On.Call.Inputs, w.On.Call.Secrets...)
	used := map[string]bool{}
	for name, job := range w.Jobs {
		for _, step := range job.Steps {
			for _, value := range step.With {
				for _, m := range regexp.MustCompile(`(?:inputs|secrets)\.([a-z0-9-]+)`).FindAllStringSubmatch(value, -1) {
					used[m[1]] = true
					if _, ok := given.Get(m[1]); !ok {
						t.Errorf("job %s: there is no input or secret %q", name, m[1])
					}
				}
			}
			path, ok := strings.CutPrefix(step.Uses, "org/release-actions")
			if !ok {
				continue
			}
			path = strings.TrimSuffix(path, "@v1")
			contract := actiontest.Load(t, filepath.Join("..", path, "action.yml"))
			for input := range step.With {
				if _, ok := contract.Inputs.Get(input); !ok {
					t.Errorf("job %s: %s has no input %q", name, step.Uses, input)
				}
			}
			for _, param := range contract.Inputs {
				_, has := given.Get(param.Name)
				_, gives := step.With[param.Name]
				exempt := slices.Contains(unasked[name+" "+filepath.Base(path)], param.Name) || path == "" && buildOnly(root, param.Name)
				if has && !gives && !exempt {
					t.Errorf("job %s: %s isn't given %q", name, step.Uses, param.Name)
				}
			}
		}
	}
	for _, param := range given {
		if !used[param.Name] {
			t.Errorf("input or secret %q is used by no job", param.Name)
		}
	}
}

// buildOnly reports whether the root hands an input to build-push alone, which
// doesn't run where the images were built elsewhere.
func buildOnly(root action.Contract, input string) bool {
	for _, step := range root.Runs.Steps {
		for _, value := range step.Env {
			if step.ID != "build-push" && strings.Contains(value, "inputs."+input+" ") {
				return false
			}
		}
	}
	return true
}

// TestReusableWorkflowIsPinned lets no code run that nobody has looked at: what
// isn't ours is GitHub's own, and named by its commit.
func TestReusableWorkflowIsPinned(t *testing.T) {
	t.Parallel()
	w := load(t)
	pinned := regexp.MustCompile(`^(org/release-actions(/actions/[a-z-]+)?@v1|actions/[a-z-]+@[0-9a-f]{40})$`)
	if len(w.Permissions) > 0 {
		t.Errorf("all jobs have the permissions %v, want none", w.Permissions)
	}
	for name, job := range w.Jobs {
		for _, step := range job.Steps {
			if step.Uses != "" && !pinned.MatchString(step.Uses) {
				t.Errorf("job %s uses %q", name, step.Uses)
			}
			if strings.Contains(step.Run, "${{") {
				t.Errorf("job %s: an expression stands in %q", name, step.Run)
			}
		}
	}
	const releasing = "map[contents:write id-token:write packages:write security-events:write]"
	for name, want := range map[string]string{
		"plan": releasing, "build": "map[contents:read packages:write]", "release": releasing,
	} {
		if got := fmt.Sprint(w.Jobs[name].Permissions); got != want {
			t.Errorf("job %s has the permissions %s, want %s", name, got, want)
		}
	}
}

// TestEveryBuildHasAnOutput holds the outputs of the matrix's jobs against what
// the release reads of them.
func TestEveryBuildHasAnOutput(t *testing.T) {
	t.Parallel()
	w := load(t)
	release := w.Jobs["release"].Steps[1]
	read := strings.Fields(strings.NewReplacer("${{", "", "}}", "").Replace(release.With["digests"]))
	outputs := w.Jobs["build"].Outputs
	if len(outputs) != 20 || len(read) != len(outputs) {
		t.Errorf("%d outputs of builds, of which the release reads %d, want 20", len(outputs), len(read))
	}
	for n := range outputs {
		if want := "${{ steps.digest.outputs." + n + " }}"; outputs[n] != want {
			t.Errorf("output %s is %q, want %q", n, outputs[n], want)
		}
		if !slices.Contains(read, "needs.build.outputs."+n) {
			t.Errorf("the release doesn't read %s", n)
		}
	}
}

// TestOurWorkflowsCallMake keeps what CI and a release of ours do in the
// Makefile, where everybody can run it.
func TestOurWorkflowsCallMake(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"../.github/workflows/ci.yml":      "map[test:map[]]",
		"../.github/workflows/publish.yml": "map[publish:map[attestations:write contents:write id-token:write] test:map[contents:read]]",
	} {
		var w workflow
		if err := yaml.Unmarshal([]byte(read(t, path)), &w); err != nil {
			t.Fatal(err)
		}
		permissions := map[string]map[string]string{}
		for name, job := range w.Jobs {
			permissions[name] = job.Permissions
			for _, step := range job.Steps {
				if step.Uses != "" && !regexp.MustCompile(`^actions/[a-z-]+@[0-9a-f]{40}$`).MatchString(step.Uses) {
					t.Errorf("%s: job %s uses %q", path, name, step.Uses)
				}
				if step.Run != "" && !regexp.MustCompile(`^(sudo --preserve-env=[A-Z,]+ )?make [a-z-]+( [A-Z]+="\$[A-Z]+")*$`).MatchString(step.Run) {
					t.Errorf("%s: job %s runs %q", path, name, step.Run)
				}
			}
		}
		if got := fmt.Sprint(permissions); got != want {
			t.Errorf("%s: the permissions are %s, want %s", path, got, want)
		}
	}
}
