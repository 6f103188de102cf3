package devstack

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

func TestModuleVersionIsOfTheLongestPath(t *testing.T) {
	t.Parallel()
	const goMod = `module example.com/tools

tool (
	example.com/a/cmd/a
)

require (
	example.com/a v1.0.0 // indirect
	example.com/a/cmd v2.0.0
	example.com/ab v3.0.0
)

require example.com/alone v5.0.0

replace example.com/c => example.com/d v4.0.0
`
	for pkg, want := range map[string]string{
		"example.com/a":       "v1.0.0",
		"example.com/a/x":     "v1.0.0",
		"example.com/a/cmd/a": "v2.0.0",
		"example.com/ab/x":    "v3.0.0",
		"example.com/alone/x": "v5.0.0",
		"example.com/abc":     "",
		"./own":               "",
	} {
		if got := moduleVersion(goMod, pkg); got != want {
			t.Errorf("%s: version %q, want %q", pkg, got, want)
		}
	}
}

func TestEveryToolHasItsModule(t *testing.T) {
	t.Parallel()
	box := &toolbox{sources: "tools", cache: t.TempDir()}
	seen := map[string]string{}
	for _, tool := range tools {
		if tool.deb != "" {
			continue
		}
		key, ldflags, err := box.key(tool)
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[key]; other != "" {
			t.Errorf("%s and %s share the key %q", tool.name, other, key)
		}
		seen[key] = tool.name
		if own := strings.HasPrefix(tool.pkg, "./"); own == strings.Contains(key, "-v") {
			t.Errorf("%s: key %q, want a version for others' programs only", tool.name, key)
		}
		if strings.HasSuffix(ldflags, "=") {
			t.Errorf("%s: linked with %q, without a version", tool.name, ldflags)
		}
	}
}

// writeTool makes a module of one program that prints text.
func writeTool(t *testing.T, sources, text string) tool {
	t.Helper()
	for name, content := range map[string]string{
		"m/go.mod":       "module example.com/m\n\ngo 1.26\n",
		"m/go.sum":       "",
		"m/tiny/main.go": "package main\n\nfunc main() { println(\"" + text + "\") }\n",
	} {
		path := filepath.Join(sources, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tool{name: "tiny", module: "m", pkg: "./tiny"}
}

func TestToolIsBuiltOnceForItsSources(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	box := &toolbox{sources: t.TempDir(), cache: t.TempDir(), log: &log}
	tiny := writeTool(t, box.sources, "one")
	for range 2 {
		if err := box.buildOne(t.Context(), tiny); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(log.String(), "building tiny (first time only)"); got != 1 {
		t.Errorf("built %d times, want once:\n%s", got, &log)
	}
	before, _, err := box.key(tiny)
	if err != nil {
		t.Fatal(err)
	}
	writeTool(t, box.sources, "two")
	if err := box.buildOne(t.Context(), tiny); err != nil {
		t.Fatal(err)
	}
	after, _, err := box.key(tiny)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{before: "one\n", after: "two\n"} {
		out, err := exec.CommandContext(t.Context(), filepath.Join(box.cache, key, "tiny")).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s printed %q, %v; want %q", key, out, err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(box.cache, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBuildFailureShowsTheCompiler(t *testing.T) {
	t.Parallel()
	box := &toolbox{sources: t.TempDir(), cache: t.TempDir(), log: &bytes.Buffer{}}
	tiny := writeTool(t, box.sources, `"+ undefinedName + "`)
	err := box.buildOne(t.Context(), tiny)
	if err == nil || !strings.Contains(err.Error(), "undefinedName") {
		t.Errorf("error %v, want the compiler's", err)
	}
}

func TestSelectTools(t *testing.T) {
	t.Parallel()
	selected, err := selectTools([]string{"judges", "act"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range selected {
		names = append(names, tool.name)
	}
	if want := []string{"act", "crane", "cosign2", "cosign3", "cosign262"}; !slices.Equal(names, want) {
		t.Errorf("selected %q, want %q", names, want)
	}
	_, err = selectTools([]string{"judges", "cosign"})
	if err == nil || !strings.Contains(err.Error(), `"cosign"`) || len(hint.Of(err)) == 0 {
		t.Errorf("error %v, want one that names the unknown, with a mend", err)
	}
}
