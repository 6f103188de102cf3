//go:build e2e

package rehearsal_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// inputTrial is one real build that shows what an input does.
type inputTrial struct {
	// input is the one that is shown; docs/build-push.md names this test beside it.
	input string
	// files are written into the build's working directory, Dockerfile among them.
	files map[string]string
	// inputs are given to the step, by name. With "outputs" left out the files of
	// the last stage are written to the folder out.
	inputs map[string]string
	env    map[string]string
	// want is the content of a file in out; a log or error must hold says.
	want  map[string]string
	says  string
	fails bool
	check func(t *testing.T, b built)
}

// built is what a build left.
type built struct {
	dir     string
	log     string
	outputs map[string]string
}

const base = "FROM golang:1.26 AS build\n"

// keep makes an image of the file /out alone.
const keep = "\nFROM scratch\nCOPY --from=build /out /\n"

// writes is a Dockerfile whose image has one file: what command prints.
func writes(command string) map[string]string {
	return map[string]string{"Dockerfile": base + "RUN " + command + " >/out" + keep}
}

var inputTrials = []inputTrial{
	{input: "add-hosts", files: writes("grep -o 10.180.0.1.* /etc/hosts"), inputs: map[string]string{"add-hosts": "docker:10.180.0.1"}, want: map[string]string{"out": "10.180.0.1\tdocker\n"}},
	{input: "allow", files: writes("--network=host id -u"), inputs: map[string]string{"allow": "network.host"}, fails: true, says: "network.host"},
	{input: "annotations", files: writes("echo x"),
		inputs: map[string]string{
			"images": "ghcr.io/acme/annotated", "platforms": "linux/amd64,linux/arm64",
			"annotations": "index:org.example.level=index\nmanifest:org.example.level=manifest\nmanifest[linux/arm64]:org.example.arm=yes\nmanifest-descriptor:org.example.level=descriptor",
		}, check: checkAnnotations},
	{input: "attests", files: writes("echo x"), inputs: map[string]string{"images": "ghcr.io/acme/attested", "platforms": "linux/amd64", "provenance": "false", "attests": "type=sbom"},
		check: func(t *testing.T, b built) {
			t.Helper()
			if got := buildAttestations(t, "ghcr.io/acme/attested", b.outputs["digest"]); !slices.Equal(got, []string{spdxType}) {
				t.Errorf("BuildKit attests %v", got)
			}
		}},
	{input: "build-args", files: map[string]string{"Dockerfile": base + "ARG V\nARG W=default\nRUN echo \"$V,$W\" >/out" + keep}, inputs: map[string]string{"build-args": "V=one, two"}, want: map[string]string{"out": "one, two,default\n"}},
	{input: "build-contexts", files: map[string]string{"Dockerfile": "FROM scratch\nCOPY --from=other name /\n", "other/name": "octo"}, inputs: map[string]string{"build-contexts": "other=./other"}, want: map[string]string{"name": "octo"}},
	{input: "cache-from", files: writes("echo a registry; cat /proc/sys/kernel/random/uuid"), check: checkCache("registry", "type=registry,ref=ghcr.io/acme/cached:cache", "type=registry,ref=ghcr.io/acme/cached:cache,mode=max")},
	{input: "cache-to", files: writes("echo a folder; cat /proc/sys/kernel/random/uuid"), check: checkCache("folder", "type=local,src=cache", "type=local,dest=cache,mode=max")},
	{input: "cache-to inline", files: writes("echo an image; cat /proc/sys/kernel/random/uuid"), check: checkInlineCache},
	{input: "call", files: map[string]string{"Dockerfile": "from scratch AS x\nCOPY . /\n"}, inputs: map[string]string{"call": "check"}, fails: true, says: "FromAsCasing"},
	{input: "cgroup-parent", files: writes("cat /proc/self/cgroup"), inputs: map[string]string{"cgroup-parent": "release-actions/parent"},
		check: func(t *testing.T, b built) {
			t.Helper()
			// With one hierarchy for all controllers a container sees its own group as the root.
			if text := readFile(t, filepath.Join(b.dir, "out", "out")); !strings.Contains(text, "release-actions/parent") && text != "0::/\n" {
				t.Errorf("control groups:\n%s", text)
			}
		}},
	{input: "context", files: map[string]string{"app/Dockerfile": "FROM scratch\nCOPY name /\n", "app/name": "octo"}, inputs: map[string]string{"context": "app"}, want: map[string]string{"name": "octo"}},
	{input: "file", files: map[string]string{"build/app.Dockerfile": "FROM scratch\nCOPY name /\n", "name": "octo"}, inputs: map[string]string{"file": "build/app.Dockerfile"}, want: map[string]string{"name": "octo"}},
	{input: "labels", files: writes("echo x"), inputs: map[string]string{"images": "ghcr.io/acme/labelled", "labels": "org.example.a=one, \"two\"\norg.example.b=3"}, check: checkLabels},
	{input: "network", files: writes("ls /sys/class/net | tr -d '\\n'"), inputs: map[string]string{"network": "none"}, want: map[string]string{"out": "lo"}},
	{input: "no-cache", files: writes("cat /proc/sys/kernel/random/uuid"), check: checkRebuilt(map[string]string{"no-cache": "true"})},
	{input: "no-cache-filters", files: writes("cat /proc/sys/kernel/random/uuid"), check: checkRebuilt(map[string]string{"no-cache-filters": "build"})},
	{input: "outputs", files: writes("echo octo"), inputs: map[string]string{"outputs": "type=tar,dest=files.tar\ntype=oci,dest=image.tar\ntype=local,dest=out"}, want: map[string]string{"out": "octo\n"},
		check: func(t *testing.T, b built) {
			t.Helper()
			for archive, want := range map[string]string{"files.tar": "out", "image.tar": "oci-layout"} {
				list, err := exec.Command("tar", "tf", filepath.Join(b.dir, archive)).CombinedOutput()
				if err != nil || !slices.Contains(strings.Fields(string(list)), want) {
					t.Errorf("%s: %v\n%s", archive, err, list)
				}
			}
		}},
	{input: "platforms", files: map[string]string{"Dockerfile": base + "ARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM >/out" + keep}, inputs: map[string]string{"platforms": "linux/arm64\nlinux/amd64"},
		want: map[string]string{"linux_arm64/out": "linux/arm64\n", "linux_amd64/out": "linux/amd64\n"}},
	{input: "provenance", files: writes("echo x"), inputs: map[string]string{"images": "ghcr.io/acme/unattested", "platforms": "linux/amd64", "provenance": "false"},
		check: func(t *testing.T, b built) {
			t.Helper()
			text, err := judges().Run(t.Context(), "crane", "manifest", "ghcr.io/acme/unattested@"+b.outputs["digest"])
			if err != nil || !strings.Contains(text, "oci.image.manifest") || b.outputs["imageid"] == b.outputs["digest"] {
				t.Errorf("a single platform without provenance is no index: %v\n%s\nimage id %s", err, text, b.outputs["imageid"])
			}
		}},
	{input: "pull", files: writes("echo octo"), inputs: map[string]string{"pull": "true"}, want: map[string]string{"out": "octo\n"}},
	{input: "sbom", files: writes("echo x"), inputs: map[string]string{"images": "ghcr.io/acme/described", "platforms": "linux/amd64", "sbom": "true"},
		check: func(t *testing.T, b built) {
			t.Helper()
			if got := buildAttestations(t, "ghcr.io/acme/described", b.outputs["digest"]); !slices.Contains(got, spdxType) {
				t.Errorf("BuildKit attests %v", got)
			}
		}},
	{input: "secrets", files: writes("--mount=type=secret,id=token --mount=type=secret,id=key cat /run/secrets/token /run/secrets/key"),
		inputs: map[string]string{"secrets": "token=octo\n\"key=line 1\nline 2\""}, want: map[string]string{"out": "octoline 1\nline 2"}},
	{input: "secret-envs", files: writes("--mount=type=secret,id=token cat /run/secrets/token"), inputs: map[string]string{"secret-envs": "token=MY_TOKEN"}, env: map[string]string{"MY_TOKEN": "octo"}, want: map[string]string{"out": "octo"}},
	{input: "secret-files", files: map[string]string{"Dockerfile": base + "RUN --mount=type=secret,id=token cat /run/secrets/token >/out" + keep, "my token": "octo"}, inputs: map[string]string{"secret-files": "token=./my token"}, want: map[string]string{"out": "octo"}},
	{input: "shm-size", files: writes("df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2"), inputs: map[string]string{"shm-size": "7m"}, want: map[string]string{"out": "7168\n"}},
	{input: "ssh", files: writes("--mount=type=ssh test -S $SSH_AUTH_SOCK && echo agent"), inputs: map[string]string{"ssh": "default=./key"}, want: map[string]string{"out": "agent\n"}},
	{input: "tags", files: writes("echo x"), inputs: map[string]string{"tags": "ghcr.io/acme/tagged:1.2,ghcr.io/acme/tagged:1", "push": "true"},
		check: func(t *testing.T, b built) {
			t.Helper()
			for _, tag := range []string{"1.2", "1"} {
				if got, err := judges().Digest(t.Context(), "ghcr.io/acme/tagged:"+tag); err != nil || got != b.outputs["digest"] {
					t.Errorf("%s is %s, %v; want %s", tag, got, err, b.outputs["digest"])
				}
			}
		}},
	{input: "push", files: writes("echo x"), inputs: map[string]string{"images": "ghcr.io/acme/unpushed", "push": "false", "platforms": "linux/amd64,linux/arm64"},
		check: func(t *testing.T, b built) {
			t.Helper()
			if found, err := judges().Run(t.Context(), "crane", "manifest", "ghcr.io/acme/unpushed@"+b.outputs["digest"]); err == nil {
				t.Errorf("it was pushed: %s", found)
			}
			if b.outputs["images"] != "" || b.outputs["platforms"] != "linux/amd64\nlinux/arm64" {
				t.Errorf("outputs %v", b.outputs)
			}
			// crane reads the layout, and finds in it what the step says.
			if out, err := judges().Run(t.Context(), "crane", "push", "--index", b.outputs["layout"], "ghcr.io/acme/pushed-later:x"); err != nil {
				t.Errorf("crane can't read the layout: %v\n%s", err, out)
			}
		}},
	{input: "target", files: map[string]string{"Dockerfile": "FROM scratch AS first\nCOPY first /\nFROM scratch\nCOPY second /\n", "first": "1", "second": "2"}, inputs: map[string]string{"target": "first"}, want: map[string]string{"first": "1"}},
	{input: "ulimit", files: writes("ulimit -n"), inputs: map[string]string{"ulimit": "nofile=1234:1234"}, want: map[string]string{"out": "1234\n"}},
}

func TestBuildInputs(t *testing.T) {
	for _, trial := range inputTrials {
		t.Run(trial.input, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range trial.files {
				writeFile(t, filepath.Join(dir, name), content)
			}
			if trial.input == "ssh" {
				if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "key")).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			if trial.inputs == nil && trial.check != nil {
				trial.check(t, built{dir: dir})
				return
			}
			b, err := buildIn(t, dir, trial.inputs, trial.env)
			if (err != nil) != trial.fails || !strings.Contains(b.log, trial.says) {
				t.Fatalf("%v, want a failure: %v, and %q in\n%s", err, trial.fails, trial.says, b.log)
			}
			for name, want := range trial.want {
				if got := readFile(t, filepath.Join(dir, "out", name)); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if trial.check != nil {
				trial.check(t, b)
			}
		})
	}
}

// buildIn runs the build-push step in dir, as a runner does.
func buildIn(t *testing.T, dir string, inputs, env map[string]string) (built, error) {
	t.Helper()
	b := built{dir: dir, outputs: map[string]string{}}
	inputs = maps.Clone(inputs)
	if inputs == nil {
		inputs = map[string]string{}
	}
	if inputs["images"]+inputs["tags"]+inputs["outputs"]+inputs["call"] == "" {
		inputs["outputs"] = "type=local,dest=out"
	}
	if inputs["context"] == "" {
		inputs["context"] = "."
	}
	file := filepath.Join(t.TempDir(), "output")
	vars := maps.Clone(world.Env)
	maps.Copy(vars, env)
	vars["DOCKER_CONFIG"], vars["HOME"], vars["RUNNER_TEMP"] = vars["DEVSTACK_DOCKER_CONFIG"], t.TempDir(), t.TempDir()
	vars["GITHUB_ACTIONS"], vars["GITHUB_OUTPUT"] = "true", file
	for name, value := range inputs {
		vars["INPUT_"+strings.ToUpper(name)] = value
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(vars["RELEASE_ACTIONS_BIN"], "build-push"))
	cmd.Dir = dir
	for name, value := range vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	log, err := cmd.CombinedOutput()
	b.log = string(log)
	if text, readErr := os.ReadFile(file); readErr == nil {
		for _, m := range regexp.MustCompile(`(?s)(\S+)<<(end-\w+)\n(.*?)\n(end-\w+)\n`).FindAllStringSubmatch(string(text), -1) {
			b.outputs[m[1]] = m[3]
		}
	}
	noCredential(t, "the log", b.log)
	return b, err
}

func checkAnnotations(t *testing.T, b built) {
	t.Helper()
	type descriptor struct {
		Digest      string
		Platform    struct{ Architecture string }
		Annotations map[string]string
	}
	var index struct {
		Annotations map[string]string
		Manifests   []descriptor
	}
	read := func(digest string, value any) {
		text, err := judges().Run(t.Context(), "crane", "manifest", "ghcr.io/acme/annotated@"+digest)
		if err == nil {
			err = json.Unmarshal([]byte(text), value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read(b.outputs["digest"], &index)
	if index.Annotations["org.example.level"] != "index" {
		t.Errorf("annotations of the index: %v", index.Annotations)
	}
	for _, m := range index.Manifests {
		if m.Platform.Architecture == "unknown" {
			continue
		}
		var manifest struct{ Annotations map[string]string }
		read(m.Digest, &manifest)
		arm := manifest.Annotations["org.example.arm"] == "yes"
		if manifest.Annotations["org.example.level"] != "manifest" || arm != (m.Platform.Architecture == "arm64") || m.Annotations["org.example.level"] != "descriptor" {
			t.Errorf("%s: annotations of the manifest %v, of its entry %v", m.Platform.Architecture, manifest.Annotations, m.Annotations)
		}
	}
}

func checkLabels(t *testing.T, b built) {
	t.Helper()
	text, err := judges().Run(t.Context(), "crane", "config", "ghcr.io/acme/labelled@"+b.outputs["digest"])
	var config struct {
		Config struct{ Labels map[string]string }
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &config)
	}
	if labels := config.Config.Labels; err != nil || labels["org.example.a"] != `one, "two"` || labels["org.example.b"] != "3" {
		t.Errorf("labels %v, %v", labels, err)
	}
}

// checkCache has a build write a cache, and one on a builder that never built
// anything take it from there.
func checkCache(name, from, to string) func(*testing.T, built) {
	return func(t *testing.T, b built) {
		t.Helper()
		first := mustBuild(t, b.dir, map[string]string{"cache-to": to})
		if second := onNewNode(t, b.dir, name, from); first != second {
			t.Errorf("the step ran twice: %q and %q", first, second)
		}
	}
}

// checkInlineCache has an image carry its own cache.
func checkInlineCache(t *testing.T, b built) {
	t.Helper()
	const image = "ghcr.io/acme/cached-inline:x"
	if first, err := buildIn(t, b.dir, map[string]string{"tags": image, "push": "true", "cache-to": "type=inline", "target": "build"}, nil); err != nil {
		t.Fatalf("%v\n%s", err, first.log)
	}
	first := mustBuild(t, b.dir, nil)
	if second := onNewNode(t, b.dir, "inline", "type=registry,ref="+image); first != second {
		t.Errorf("the step ran twice: %q and %q", first, second)
	}
}

// onNewNode builds with a cache on a BuildKit that never built anything.
func onNewNode(t *testing.T, dir, name, from string) string {
	t.Helper()
	endpoint, err := world.StartNode(t.Context(), "cache-"+name)
	if err != nil {
		t.Fatal(err)
	}
	return mustBuild(t, dir, map[string]string{"cache-from": from, "driver": "remote", "endpoint": endpoint})
}

// checkRebuilt has a build run a step anew that is cached.
func checkRebuilt(inputs map[string]string) func(*testing.T, built) {
	return func(t *testing.T, b built) {
		t.Helper()
		first := mustBuild(t, b.dir, nil)
		if again := mustBuild(t, b.dir, nil); again != first {
			t.Errorf("a cached step ran: %q and %q", first, again)
		}
		if rebuilt := mustBuild(t, b.dir, inputs); rebuilt == first {
			t.Errorf("the step didn't run: %q", rebuilt)
		}
	}
}

func mustBuild(t *testing.T, dir string, inputs map[string]string) string {
	t.Helper()
	b, err := buildIn(t, dir, inputs, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log)
	}
	return readFile(t, filepath.Join(dir, "out", "out"))
}

func judges() *rehearsal.Judges { return rehearsal.NewJudges(world.Env, "v0.0.0") }

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
