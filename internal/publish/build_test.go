package publish

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"compress/gzip"

	"github.com/org/release-actions/internal/image"
)

var here = image.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}

// project makes a small project of this one's shape in a folder of its own: two
// steps, of which one is the large one, in a repository with a change that is
// not committed.
func project(t *testing.T, dir string) string {
	t.Helper()
	for name, text := range map[string]string{
		"go.mod":                 "module github.com/org/release-actions\n\ngo " + strings.TrimPrefix(runtime.Version(), "go") + "\n",
		"actions/say/action.yml": "name: say\n",
		"actions/say/main.go": "// Command say says.\npackage main\n\nimport (\n\t_ \"embed\"\n\t\"fmt\"\n\t\"os\"\n\t\"runtime\"\n)\n\n//go:embed action.yml\nvar contract string\n\n" +
			"func main() {\n\t_, file, _, _ := runtime.Caller(0)\n\tfmt.Println(\"says\", os.Args[1:], contract, file)\n}\n",
		"actions/sbom/main.go": "package main\n\nfunc main() { println(\"large\") }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTwoBuildsAreEqual builds in two folders, by two users' settings: one is in
// a repository and has a cold cache.
func TestTwoBuildsAreEqual(t *testing.T) {
	t.Parallel()
	one := project(t, t.TempDir())
	other := project(t, filepath.Join(t.TempDir(), "a longer way"))
	inGit(t, other)
	settings := append(os.Environ(), "GOFLAGS=-buildvcs=true -tags=other", "GOAMD64=v2", "CGO_ENABLED=1", "GOCACHE="+t.TempDir())
	var sums [2]string
	for i, build := range []struct {
		root    string
		environ []string
	}{{one, os.Environ()}, {other, settings}} {
		dir := t.TempDir()
		assets, err := Build(t.Context(), build.root, dir, build.environ, []image.Platform{here})
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = Checksums("v1.2.3", assets)
		for _, a := range assets {
			program, err := os.ReadFile(a.Binary)
			if err != nil {
				t.Fatal(err)
			}
			for _, trace := range []string{build.root, dir, "vcs.revision"} {
				if bytes.Contains(program, []byte(trace)) {
					t.Errorf("%s tells of %q", a.Program, trace)
				}
			}
		}
	}
	if sums[0] != sums[1] || strings.Count(sums[0], "\n") != 3 {
		t.Errorf("the checksums are\n%s\nand\n%s", sums[0], sums[1])
	}
}

func TestBuildPacksStepsIntoOneProgram(t *testing.T) {
	t.Parallel()
	assets, err := Build(t.Context(), project(t, t.TempDir()), t.TempDir(), os.Environ(), []image.Platform{here, {OS: "darwin", Arch: "arm64"}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range assets {
		names = append(names, filepath.Base(a.File))
		file, err := os.ReadFile(a.File)
		if err != nil {
			t.Fatal(err)
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(file)); sum != a.SHA256 {
			t.Errorf("%s has the checksum %s, not %s", a.File, sum, a.SHA256)
		}
		zip, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := io.ReadAll(zip)
		if err != nil {
			t.Fatal(err)
		}
		if program, err := os.ReadFile(a.Binary); err != nil || !bytes.Equal(program, unpacked) {
			t.Errorf("%s isn't %s: %v", a.File, a.Binary, err)
		}
	}
	if want := []string{"steps_" + here.OS + "_" + here.Arch + ".gz", "sbom_" + here.OS + "_" + here.Arch + ".gz", "steps_darwin_arm64.gz", "sbom_darwin_arm64.gz"}; !slices.Equal(names, want) {
		t.Errorf("built %v, want %v", names, want)
	}
	for name, want := range map[string]string{
		"say": "says [a b] name: say\n github.com/org/release-actions/actions/steps/say/main.go\n", "sbom": "there is no step \"sbom\"\nhint: launch.sh starts this program under a step's name\n",
	} {
		cmd := exec.CommandContext(t.Context(), assets[0].Binary, "a b")
		cmd.Args[0] = "/elsewhere/" + name
		if out, _ := cmd.CombinedOutput(); string(out) != want {
			t.Errorf("as %s it says %q, want %q", name, out, want)
		}
	}
}

func TestBuildSaysWhatTheCompilerSays(t *testing.T) {
	t.Parallel()
	root := project(t, t.TempDir())
	if err := os.WriteFile(filepath.Join(root, "actions/say/main.go"), []byte("package main\n\nfunc main() { undefinedName() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Build(t.Context(), root, t.TempDir(), os.Environ(), []image.Platform{here})
	if err == nil || !strings.Contains(err.Error(), "build steps for "+here.String()) || !strings.Contains(err.Error(), "undefinedName") {
		t.Errorf("error %v", err)
	}
	if _, err := Build(t.Context(), t.TempDir(), t.TempDir(), os.Environ(), nil); err == nil || !strings.Contains(err.Error(), "no steps") {
		t.Errorf("error %v", err)
	}
}

func TestABundleThatCantBeMadeLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	if _, err := newBundle(t.TempDir(), []string{"missing"}); err == nil {
		t.Error("a step without a main.go is packed")
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestEveryStepCanBePacked holds each step to the form that the bundle takes, and
// its wiring to what it is for.
func TestEveryStepCanBePacked(t *testing.T) {
	t.Parallel()
	steps, err := stepsOf("../..")
	if err != nil || len(steps) < 12 || !slices.Contains(steps, large) {
		t.Fatalf("the steps are %v, %v", steps, err)
	}
	for _, step := range steps {
		dir := filepath.Join("../../actions", step)
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if name := filepath.Base(file); name != "main.go" && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s: a step's wiring is main.go alone", file)
			}
		}
		text, err := os.ReadFile(filepath.Join(dir, "main.go"))
		if err != nil || strings.Count(string(text), "\npackage main\n") != 1 || strings.Count(string(text), "\nfunc main() {") != 1 {
			t.Errorf("%s: main.go has another form: %v", step, err)
		}
		if lines := strings.Count(string(text), "\n"); lines > 30 {
			t.Errorf("%s: main.go has %d lines: what several steps wire alike is in internal/wiring, and what one step does is in its package", step, lines)
		}
		if _, after, _ := strings.Cut(string(text), "w.Err()"); strings.Contains(after, "w.") {
			t.Errorf("%s: main.go asks the wiring for more after its errors, which nobody would see", step)
		}
		if embeds := strings.Count(string(text), "//go:embed "); embeds != strings.Count(string(text), "//go:embed action.yml\n") {
			t.Errorf("%s embeds more than action.yml", step)
		}
	}
}

// TestOnlySbomIsLarge keeps syft, and what comes with it, out of all others.
func TestOnlySbomIsLarge(t *testing.T) {
	t.Parallel()
	steps, err := stepsOf("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./actions/"+step)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if links := strings.Contains(string(out), "github.com/anchore/syft"); links != (step == large) {
			t.Errorf("%s links syft: %v", step, links)
		}
	}
}
