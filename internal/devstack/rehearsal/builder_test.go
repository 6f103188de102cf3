//go:build e2e

package rehearsal_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	buildkitImage = "ghcr.io/acme/buildkit:local"
	binfmtImage   = "ghcr.io/acme/binfmt:local"
)

// machine is a runner's machine: the world, a Docker engine, no builder that is
// selected, and a directory for temporary files of its own.
type machine struct {
	env  map[string]string
	temp string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	env, err := world.StartEngine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"docker.io/moby/buildkit:local": buildkitImage, "docker.io/tonistiigi/binfmt:local": binfmtImage} {
		if out, err := judges().Run(t.Context(), "crane", "copy", from, to); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return machineWith(t, env)
}

func machineWith(t *testing.T, env map[string]string) *machine {
	t.Helper()
	m := &machine{env: maps.Clone(env), temp: t.TempDir()}
	delete(m.env, "BUILDX_BUILDER")
	m.env["HOME"], m.env["RUNNER_TEMP"] = t.TempDir(), m.temp
	m.env["BUILDX_CONFIG"] = filepath.Join(m.env["HOME"], "buildx")
	m.env["DOCKER_CONFIG"] = m.env["DEVSTACK_DOCKER_CONFIG"]
	return m
}

func (m *machine) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	for name, value := range m.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// docker returns what docker's own command line says.
func (m *machine) docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := m.command(context.WithoutCancel(t.Context()), m.env["DEVSTACK_DOCKER"], args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// build returns build-push for the platforms, with a container as its builder
// unless inputs say otherwise.
func (m *machine) build(ctx context.Context, dir, repository, platforms string, inputs ...string) *exec.Cmd {
	args := append([]string{"-context", dir, "-images", repository, "-platforms", platforms}, inputs...)
	return m.command(ctx, filepath.Join(m.env["RELEASE_ACTIONS_BIN"], "build-push"), args...)
}

// container are the inputs that make a container of BuildKit reach the world.
func (m *machine) container() []string {
	ca := "\n  ca = [\"" + m.env["SSL_CERT_FILE"] + "\"]\n"
	return []string{
		"-driver-opts", "image=" + buildkitImage, "-driver-opts", "network=host", "-driver-opts", "env.HTTPS_PROXY=" + m.env["HTTPS_PROXY"],
		"-buildkitd-config-inline", "[worker.oci]\n  networkMode = \"host\"\n[registry.\"ghcr.io\"]" + ca + "[registry.\"docker.io\"]" + ca,
		"-binfmt-image", binfmtImage,
	}
}

// checkNothingLeft looks for builders, containers, volumes and private files.
func (m *machine) checkNothingLeft(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(m.temp); err != nil || len(left) > 0 {
		t.Errorf("left in the directory for temporary files: %v, %v", left, err)
	}
	if left, _ := filepath.Glob(filepath.Join(m.env["BUILDX_CONFIG"], "instances", "*")); len(left) > 0 {
		t.Errorf("left of buildx: %v", left)
	}
	if m.env["DEVSTACK_DOCKER"] == "" {
		return
	}
	for _, args := range [][]string{{"ps", "--all", "--quiet", "--filter", "name=buildx_buildkit_release-actions-"}, {"volume", "ls", "--quiet", "--filter", "name=buildx_buildkit_release-actions-"}} {
		if left := m.docker(t, args...); left != "" {
			t.Errorf("left by the engine (%s): %s", args[0], left)
		}
	}
}

// context makes a build context of a Dockerfile and a program that tells its platform.
func contextOf(t *testing.T, dockerfile string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Dockerfile": dockerfile,
		"go.mod":     "module example.com/tell\n\ngo 1.25\n",
		"main.go":    "package main\n\nimport \"runtime\"\n\nfunc main() { println(\"runs on \" + runtime.GOARCH) }\n",
	} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	return dir
}

// foreign compiles on the machine's platform and runs on the target's.
const foreign = `FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG TARGETARCH
RUN GOARCH=$TARGETARCH go build -o /tell .
FROM scratch
COPY --from=build /tell /tell
RUN ["/tell"]
`

// slow builds until somebody ends it.
const slow = "FROM golang:1.26\nRUN echo under way; sleep 300\n"

func TestBuilderIsAContainerOfThisMachine(t *testing.T) {
	m := newMachine(t)
	dir := contextOf(t, foreign)
	out, err := m.build(t.Context(), dir, "ghcr.io/acme/contained", "linux/amd64,linux/riscv64", m.container()...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"making a builder for this run", "runs on amd64", "runs on riscv64", "removed the builder",
		"installing QEMU's handlers on this machine", "emulated by QEMU: linux/riscv64",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the log lacks %q:\n%s", want, out)
		}
	}
	m.checkNothingLeft(t)
	noCredential(t, "the log", string(out))

	// The handler is there now: nothing is installed again.
	out, err = m.build(t.Context(), dir, "ghcr.io/acme/contained", "linux/riscv64", m.container()...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "installing QEMU") || !strings.Contains(string(out), "emulated by QEMU: linux/riscv64") {
		t.Errorf("%v\n%s", err, out)
	}
	m.checkNothingLeft(t)
}

func TestBuilderIsPulledWithTheLogin(t *testing.T) {
	m := newMachine(t)
	// The engine keeps an image that was pulled.
	for _, image := range strings.Fields(m.docker(t, "images", "--quiet", "ghcr.io/acme/buildkit")) {
		m.docker(t, "rmi", "--force", image)
	}
	dir := contextOf(t, "FROM scratch\nCOPY main.go /\n")
	m.env["DOCKER_CONFIG"] = t.TempDir()
	// Nothing is pushed, so that the builder is the first that needs a login.
	inputs := append(m.container(), "-push=false")
	out, err := m.build(t.Context(), dir, "ghcr.io/acme/pulled", "linux/amd64", inputs...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no basic auth credentials") || !strings.Contains(string(out), `hint: log in to the registry of that image`) {
		t.Errorf("error %v\n%s", err, out)
	}
	m.checkNothingLeft(t)

	m.env["INPUT_GITHUB-TOKEN"] = m.env["GITHUB_TOKEN"]
	if out, err := m.build(t.Context(), dir, "ghcr.io/acme/pulled", "linux/amd64", inputs...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// underWay starts a slow build and returns when its RUN runs, with the
// container that it runs in.
func (m *machine) underWay(t *testing.T) (cmd *exec.Cmd, log *bytes.Buffer, container string) {
	t.Helper()
	log = new(bytes.Buffer)
	cmd = m.build(t.Context(), contextOf(t, slow), "ghcr.io/acme/slow", "linux/amd64", m.container()...)
	seen := &awaited{text: "under way", seen: make(chan struct{}), log: log}
	cmd.Stdout, cmd.Stderr = seen, seen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-seen.seen:
	case <-time.After(2 * time.Minute):
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("the build doesn't get going:\n%s", log)
	}
	return cmd, log, m.docker(t, "ps", "--quiet", "--filter", "name=buildx_buildkit_release-actions-")
}

// awaited is a log that tells when it has a text in output of a RUN.
type awaited struct {
	text string
	seen chan struct{}
	log  *bytes.Buffer
}

func (a *awaited) Write(p []byte) (int, error) {
	a.log.Write(p)
	select {
	case <-a.seen:
	default:
		if regexp.MustCompile(`(?m)^` + a.text + `$`).Match(a.log.Bytes()) {
			close(a.seen)
		}
	}
	return len(p), nil
}

func TestBuilderDiesWhileItBuilds(t *testing.T) {
	for name, end := range map[string][]string{"killed": {"kill"}, "removed": {"rm", "--force"}} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			cmd, log, container := m.underWay(t)
			m.docker(t, append(end, container)...)
			err := cmd.Wait()
			if err == nil || !strings.Contains(log.String(), "hint: the builder has died while it built") {
				t.Errorf("error %v", err)
			}
			m.checkNothingLeft(t)
			if t.Failed() {
				t.Logf("the log:\n%s", log)
			}
		})
	}
}

func TestCancelledBuildLeavesNoContainer(t *testing.T) {
	m := newMachine(t)
	cmd, log, _ := m.underWay(t)
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if took := time.Since(begin); took > 7*time.Second {
		t.Errorf("it took %s, and a runner gives 7 seconds", took)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(log.String(), "cancelled") {
		t.Errorf("error %v\n%s", err, log)
	}
	m.checkNothingLeft(t)
}

func TestNextRunRemovesTheBuilderOfAKilledOne(t *testing.T) {
	m := newMachine(t)
	cmd, log, container := m.underWay(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if container == "" || m.docker(t, "ps", "--quiet", "--filter", "id="+container) == "" {
		t.Fatalf("no container outlives it:\n%s", log)
	}
	inputs := append(m.container(), "-driver", "docker-container")
	out, err := m.build(t.Context(), contextOf(t, "FROM scratch\nCOPY main.go /\n"), "ghcr.io/acme/after", "linux/amd64", inputs...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "removed a builder that a killed run left") {
		t.Errorf("%v\n%s", err, out)
	}
	m.checkNothingLeft(t)
}

func TestBuilderOnOtherMachines(t *testing.T) {
	m := machineWith(t, world.Env)
	arm, err := world.StartNode(t.Context(), "arm", "linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	third, err := world.StartNode(t.Context(), "third")
	if err != nil {
		t.Fatal(err)
	}
	dir := contextOf(t, foreign)
	remote := []string{
		"-no-cache", // that of the world's own node outlives the world
		"-driver", "remote", "-endpoint", "unix://" + filepath.Join(m.env["DEVSTACK_DIR"], "buildkitd.sock"), "-node-platforms", "linux/amd64",
		"-append", "- endpoint: " + arm + "\n  platforms: linux/arm64\n- endpoint: " + third + "\n  platforms: [linux/arm/v7]\n",
	}
	out, err := m.build(t.Context(), dir, "ghcr.io/acme/spread", "linux/amd64,linux/arm64,linux/arm/v7", remote...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"nodes=3", "runs on amd64", "runs on arm64", "runs on arm", "removed the builder"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the log lacks %q:\n%s", want, out)
		}
	}
	for _, endpoint := range []string{arm, third} {
		used, err := m.command(t.Context(), filepath.Join(m.env["DEVSTACK_BIN"], "buildctl"), "--addr", endpoint, "du", "--verbose").CombinedOutput()
		if err != nil || !strings.Contains(string(used), "go build -o /tell") {
			t.Errorf("%s has built nothing: %v\n%s", endpoint, err, used)
		}
	}
	m.checkNothingLeft(t)
}

func TestBuildersThatCantBeHad(t *testing.T) {
	buildkitd := "unix://" + filepath.Join(world.Env["DEVSTACK_DIR"], "buildkitd.sock")
	plain := "tcp://" + strings.TrimPrefix(world.Env["HTTPS_PROXY"], "http://")
	for name, test := range map[string]struct {
		platforms string
		inputs    []string
		want      []string
	}{
		"unknown platform": {"linux/amd65", nil, []string{`platform "linux/amd65": there is no architecture "amd65"`, "hint: usual ones are linux/amd64"}},
		"a platform that a node can't run": {"linux/s390x", []string{"-driver", "remote", "-endpoint", buildkitd}, []string{
			"no node runs programs for linux/s390x", "exec format error", `hint: no node of builder "release-actions-`, "has linux/amd64",
		}},
		"a builder that isn't there": {"linux/amd64", []string{"-builder", "absent"}, []string{`input "builder": there is no builder "absent"`, `hint: there are "default"`}},
		"nobody listens":             {"linux/amd64", []string{"-driver", "remote", "-endpoint", "tcp://127.0.0.1:9"}, []string{"tcp://127.0.0.1:9: dial tcp 127.0.0.1:9: connect: connection refused", "hint: BuildKit doesn't answer there"}},
		"no BuildKit":                {"linux/amd64", []string{"-driver", "remote", "-endpoint", plain}, []string{plain + ": it takes connections, and doesn't answer as BuildKit", `hint: where it has TLS, give "cacert="`}},
		"no cluster":                 {"linux/amd64", []string{"-driver", "kubernetes"}, []string{"no configuration has been provided", "hint: give the cluster before this step"}},
		"no engine":                  {"linux/amd64", nil, []string{"failed to connect to the docker API at unix:///nowhere/docker.sock", "hint: start Docker before this step"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := machineWith(t, world.Env)
			m.env["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
			out, err := m.build(t.Context(), contextOf(t, foreign), "ghcr.io/acme/never", test.platforms, test.inputs...).CombinedOutput()
			if err == nil {
				t.Errorf("it succeeds:\n%s", out)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("the log lacks %q:\n%s", want, out)
				}
			}
			m.checkNothingLeft(t)
		})
	}
}
