package actions_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/action/actiontest"
)

// runtimeStep is the id of the one step that isn't ours: a runner gives the
// right to use GitHub's cache to JavaScript actions only.
const runtimeStep = "runtime"

var (
	pinnedUses = regexp.MustCompile(`uses: actions/github-script@[0-9a-f]{40} # v\d+\.\d+\.\d+\n`)
	cacheRef   = regexp.MustCompile(`^\$\{\{ steps\.runtime\.outputs\.(ACTIONS_\w+) \}\}$`)
	scriptName = regexp.MustCompile(`'(ACTIONS_\w+)'`)
)

// TestTheBuildAloneGetsTheCache holds the step that asks for the right to use
// the cache, and the ways that its outputs go, alike in the root and in
// build-push.
func TestTheBuildAloneGetsTheCache(t *testing.T) {
	t.Parallel()
	var steps []action.StepEntry
	for path, build := range map[string]string{"../action.yml": "build-push", "build-push/action.yml": "run"} {
		contract := actiontest.Load(t, path)
		n := slices.IndexFunc(contract.Runs.Steps, func(s action.StepEntry) bool { return s.ID == build })
		if n < 1 || contract.Runs.Steps[n-1].ID != runtimeStep {
			t.Fatalf("%s: there is no step %q right before %q", path, runtimeStep, build)
		}
		step := contract.Runs.Steps[n-1]
		steps = append(steps, step)
		if step.If != "contains(inputs.cache-from, 'type=gha') || contains(inputs.cache-to, 'type=gha')" {
			t.Errorf("%s: it runs if %q", path, step.If)
		}
		if text := read(t, path); len(pinnedUses.FindAllString(text, -1)) != 1 || strings.Count(text, "uses:") != 1 {
			t.Errorf("%s: not one action is used, pinned by commit and with its version beside", path)
		}
		var wanted, given []string
		for _, m := range scriptName.FindAllStringSubmatch(step.With["script"], -1) {
			if !slices.Contains(wanted, m[1]) {
				wanted = append(wanted, m[1])
			}
		}
		for _, s := range contract.Runs.Steps {
			for variable, value := range s.Env {
				if m := cacheRef.FindStringSubmatch(value); m != nil && m[1] == variable && s.ID == build {
					given = append(given, variable)
				} else if strings.Contains(value, "steps."+runtimeStep) {
					t.Errorf("%s: step %q is given %s as %q", path, s.ID, variable, value)
				}
			}
		}
		slices.Sort(wanted)
		slices.Sort(given)
		if len(wanted) < 4 || !slices.Equal(wanted, given) {
			t.Errorf("%s: the script has %v, and the build gets %v", path, wanted, given)
		}
	}
	if !reflect.DeepEqual(steps[0], steps[1]) {
		t.Errorf("the two steps differ:\n%+v\n%+v", steps[0], steps[1])
	}
}

// TestNoOtherActionIsUsed keeps every line that runs within this commit.
func TestNoOtherActionIsUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*/action.yml")
	if err != nil || len(files) < len(order) {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		if file != "build-push/action.yml" && strings.Contains(read(t, file), "uses:") {
			t.Errorf("%s uses another action", file)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
