//go:build e2e && examples

package rehearsal_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestComposeRunsTheExample has compose build, start and remove
// examples/compose, on this machine's platform and on an emulated one.
func TestComposeRunsTheExample(t *testing.T) {
	rustService(t) // what its build needs
	if err := world.BuildTools(t.Context(), "docker-compose"); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	c := engineClient(t).with("PORT", port)
	file := filepath.Join(source, "examples", "compose", "compose.yaml")
	compose := func(c client, args ...string) string {
		t.Helper()
		return c.run("docker-compose", append([]string{"--file", file}, args...)...)
	}
	up := func(c client, want string) {
		t.Helper()
		compose(c, "up", "--build", "--wait", "--wait-timeout", "120")
		if got := page(t, port, "/health"); got != "200 ok\n" {
			t.Errorf("/health answers %q", got)
		}
		if got := page(t, port, "/"); got != "200 rust-service 0.1.0 on "+want+"\n" {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	left := func() (found []string) {
		label := "label=com.docker.compose.project=rust-service"
		for _, list := range [][]string{{"ps", "--all", "--quiet"}, {"volume", "ls", "--quiet"}, {"network", "ls", "--quiet"}} {
			found = append(found, strings.Fields(c.run("docker", append(list, "--filter", label)...))...)
		}
		return found
	}
	t.Cleanup(func() { compose(c, "down", "--volumes", "--remove-orphans") })

	for _, text := range []string{"linux/amd64", "linux/arm64", "published: \"" + port + "\"", "target: 8080", "rust-service_visits", "rust-service_front"} {
		if config := compose(c, "config"); !strings.Contains(config, text) {
			t.Errorf("no %q in the configuration:\n%s", text, config)
		}
	}
	compose(c, "build") // both platforms
	up(c, "x86_64: visit 1")
	compose(c, "down")
	up(c.with("DOCKER_DEFAULT_PLATFORM", "linux/arm64"), "aarch64: visit 2")
	compose(c, "down", "--volumes", "--rmi", "local")
	if found := left(); len(found) > 0 {
		t.Errorf("compose down leaves %v", found)
	}
}
