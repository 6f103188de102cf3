//go:build e2e && examples

package rehearsal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// machines are what examples/rust-service says that it runs on.
var machines = map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "arm"}

// rustService returns a copy of the example, in a world that can build it.
func rustService(tb testing.TB) (dir string) {
	tb.Helper()
	if err := world.StartDebian(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	dir = tb.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(source, "examples", "rust-service"))); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// touch changes a source of the example as no one did before.
func touch(tb testing.TB, dir string) {
	tb.Helper()
	file, err := os.OpenFile(filepath.Join(dir, "src", "main.rs"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := fmt.Fprintf(file, "// changed at %d\n", time.Now().UnixNano()); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
}

// client runs other people's programs with the world's logins.
type client struct {
	t   *testing.T
	env map[string]string
}

func newClient(t *testing.T, env map[string]string) client {
	t.Helper()
	env = maps.Clone(env)
	env["DOCKER_CONFIG"], env["HOME"] = env["DEVSTACK_DOCKER_CONFIG"], t.TempDir()
	return client{t, env}
}

// engineClient is a client of a Docker engine.
func engineClient(t *testing.T) client {
	t.Helper()
	env, err := world.StartEngine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, env)
}

// with returns a client with one more variable.
func (c client) with(name, value string) client {
	c.env = maps.Clone(c.env)
	c.env[name] = value
	return c
}

// run returns all that a program of the world prints.
func (c client) run(program string, args ...string) string {
	c.t.Helper()
	command := append([]string{"PATH=" + c.env["PATH"], program}, args...)
	cmd := exec.Command("env", command...) // outlives the test's context, to tidy up
	for name, value := range c.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// freePort returns a port of loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// page asks a service on loopback.
func page(t *testing.T, port, path string) string {
	t.Helper()
	resp, err := http.Get("http://127.0.0.1:" + port + path)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, text)
}

// TestRustServiceRunsOnEveryPlatform builds the example by build-push and runs
// each of its images in an engine, under QEMU where it has to be.
func TestRustServiceRunsOnEveryPlatform(t *testing.T) {
	dir, engine := rustService(t), engineClient(t)
	b, err := buildIn(t, dir, map[string]string{"images": "docker.io/acme/rust-service", "platforms": strings.Join(platforms, ",")}, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log)
	}
	const repository = "docker.io/acme/rust-service@"
	for platform, machine := range machines {
		t.Run(machine, func(t *testing.T) {
			c, port := client{t, engine.env}, freePort(t)
			// An engine keeps one image of an index, so each is pulled by its own digest.
			image := repository + c.run("crane", "digest", "--platform", platform, repository+b.outputs["digest"])
			c.run("docker", "pull", "--quiet", "--platform", platform, image)
			container := c.run("docker", "run", "--detach", "--platform", platform, "--network", "host", "--read-only", "--cap-drop", "ALL",
				"--volume", "/data", "--env", "LISTEN=127.0.0.1:"+port, image)
			t.Cleanup(func() { c.run("docker", "rm", "--force", "--volumes", container) })
			health := func() string {
				return c.run("docker", "inspect", "--format", "{{.State.Health.Status}} {{.State.ExitCode}} {{.State.Status}}", container)
			}
			for deadline := time.Now().Add(time.Minute); health() != "healthy 0 running"; time.Sleep(200 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("it is %s:\n%s", health(), c.run("docker", "logs", container))
				}
			}
			if got, want := page(t, port, "/"), "200 rust-service 0.1.0 on "+machine+": visit 1\n"; got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
			if id := c.run("docker", "exec", container, "id", "-u"); id != "65532" {
				t.Errorf("it runs as user %s", id)
			}
			c.run("docker", "stop", container)
			if state := health(); !strings.HasSuffix(state, " 0 exited") {
				t.Errorf("asked to end, it is %s", state)
			}
		})
	}
}

// vertex is what BuildKit tells of a step.
// https://github.com/moby/buildkit/blob/v0.34.2/client/graph.go
type vertex struct {
	Name      string
	Cached    bool
	Completed *time.Time
}

// TestDependenciesOfRustServiceAreCached changes a source, and looks at
// BuildKit's own marks of what came from the cache.
func TestDependenciesOfRustServiceAreCached(t *testing.T) {
	dir := rustService(t)
	build := func() map[string][]vertex {
		out := newClient(t, world.Env).run("docker-buildx", "build", "--progress", "rawjson", "--output", "type=cacheonly",
			"--platform", strings.Join(platforms, ","), dir)
		found := map[string]vertex{} // the last that was said of each
		for line := range strings.Lines(out) {
			var status struct {
				Vertexes []struct {
					Digest string
					vertex
				}
			}
			if !strings.HasPrefix(line, "{") {
				continue
			}
			if err := json.NewDecoder(bytes.NewBufferString(line)).Decode(&status); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			for _, v := range status.Vertexes {
				found[v.Digest] = v.vertex
			}
		}
		kinds := map[string][]vertex{}
		for _, v := range found {
			for kind, part := range map[string]string{"toolchain": "add-target ", "dependencies": "fn main() {}", "sources": "touch src/main.rs"} {
				if strings.Contains(v.Name, part) && strings.Contains(v.Name, "RUN") && v.Completed != nil {
					kinds[kind] = append(kinds[kind], v)
				}
			}
		}
		return kinds
	}
	build()
	touch(t, dir)
	for kind, steps := range build() {
		if len(steps) != len(platforms) {
			t.Errorf("%s: %d steps, want one for each platform", kind, len(steps))
		}
		if cached := !slices.ContainsFunc(steps, func(v vertex) bool { return !v.Cached }); cached != (kind != "sources") {
			t.Errorf("after a change of the sources, %s: %+v", kind, steps)
		}
	}
}

// TestRustServiceTestsItself runs the example's own tests, as its Dockerfile does.
func TestRustServiceTestsItself(t *testing.T) {
	dir := rustService(t)
	touch(t, dir)
	out := newClient(t, world.Env).run("docker-buildx", "build", "--progress", "plain", "--output", "type=cacheonly", "--target", "test", dir)
	if !regexp.MustCompile(`test result: ok\. [1-9]\d* passed; 0 failed`).MatchString(out) {
		t.Errorf("no tests passed in\n%s", out)
	}
}
