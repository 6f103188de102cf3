//go:build e2e

package rehearsal_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// onFreshBuilder has the stage build with a BuildKit that has never built
// anything.
func onFreshBuilder(t *testing.T, s *rehearsal.Stage, name string) *rehearsal.Stage {
	t.Helper()
	endpoint, err := world.StartNode(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.StopPart(context.WithoutCancel(t.Context()), "node-"+name); err != nil {
			t.Error(err)
		}
	})
	env := maps.Clone(world.Env)
	create := exec.CommandContext(t.Context(), filepath.Join(env["DEVSTACK_BIN"], "docker-buildx"), "create", "--name", name, "--driver", "remote", endpoint)
	for name, value := range env {
		create.Env = append(create.Env, name+"="+value)
	}
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	env["BUILDX_BUILDER"] = name
	s.Env = env
	return s
}

// onePlatform keeps the builds of the cache's tests short.
func onePlatform(workflow string) string {
	return strings.Replace(workflow, "platforms: linux/amd64,linux/arm64,linux/arm/v7", "platforms: linux/amd64", 1)
}

// buildAlone is a workflow with build-push instead of the whole release.
func buildAlone(string) string {
	return `name: build
on: push
permissions: { packages: write }
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: org/release-actions/actions/build-push@v1
        with: { context: ., images: ghcr.io/acme/hello, platforms: linux/amd64, provenance: false, cache-from: type=gha, cache-to: "type=gha,mode=max" }
`
}

// compiles finds the compiler's step in the log: cached, or else a group with
// its output, or a line with its duration.
var compiles = regexp.MustCompile(`(CACHED|::group::|[0-9.]+s) *\[.*build \d+/\d+\] RUN .*go build`)

// cached reports whether BuildKit took the compiler's result from a cache.
func cached(t *testing.T, log string) bool {
	t.Helper()
	step := compiles.FindStringSubmatch(log)
	if step == nil {
		t.Fatalf("nothing is compiled:\n%s", log)
	}
	return step[1] == "CACHED"
}

// TestGitHubsCache runs the root action with its defaults, and build-push alone,
// on builders that share nothing but the runner's cache service.
func TestGitHubsCache(t *testing.T) {
	dir := t.TempDir()
	everyEvent := func(workflow string) string { return onePlatform(example(t, "every-event.yml")(workflow)) }

	first := succeed(t, onFreshBuilder(t, stage(t, everyEvent), "cache-first"), rehearsal.Trial{Event: branchPush, Cache: dir})
	if cached(t, first.Log) || !strings.Contains(first.Log, "exporting to GitHub Actions Cache") {
		t.Errorf("the first run has nothing to take and something to leave:\n%s", first.Log)
	}
	second := succeed(t, onFreshBuilder(t, stage(t, everyEvent), "cache-second"), rehearsal.Trial{Event: branchPush, Cache: dir})
	if !cached(t, second.Log) {
		t.Errorf("a fresh builder compiles what the cache has:\n%s", second.Log)
	}
	alone := succeed(t, onFreshBuilder(t, stage(t, buildAlone), "cache-alone"), rehearsal.Trial{Event: branchPush, Cache: dir})
	if !cached(t, alone.Log) {
		t.Errorf("build-push alone compiles what the cache has:\n%s", alone.Log)
	}
	for _, out := range []rehearsal.Outcome{first, second, alone} {
		if strings.Contains(out.Log, "building without the cache") {
			t.Errorf("a cache is missed:\n%s", out.Log)
		}
		// The token is a JWT, and so is what the signing steps mask.
		if strings.Contains(out.Log, "eyJ") {
			t.Errorf("the log has a token:\n%s", out.Log)
		}
	}

	// act gives the variables to every step; what the build gets of them comes
	// from the step in front of it alone, as on GitHub.
	without := stage(t, buildAlone)
	path := filepath.Join(without.Action, "actions", "build-push", "action.yml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := regexp.MustCompile(`if: contains\(inputs\.cache-from.*`).ReplaceAllString(string(text), "if: false")
	if edited == string(text) {
		t.Fatal("build-push has no step for the cache")
	}
	if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	out := succeed(t, onFreshBuilder(t, without, "cache-without"), rehearsal.Trial{Event: branchPush, Cache: dir})
	if cached(t, out.Log) || !strings.Contains(out.Log, "building without the cache of type=gha: ACTIONS_RUNTIME_TOKEN is not set") {
		t.Errorf("without the step the cache is used all the same:\n%s", out.Log)
	}
}

// TestACacheOutOfOrder shows that a release doesn't fail with it.
func TestACacheOutOfOrder(t *testing.T) {
	edit := func(workflow string) string {
		return strings.Replace(buildAlone(workflow), "type=gha,mode=max", "type=gha,url=http://127.0.0.1:9/", 1)
	}
	out := succeed(t, stage(t, edit), rehearsal.Trial{Event: branchPush, Cache: t.TempDir()})
	if !strings.Contains(out.Log, "exporting to GitHub Actions Cache") || !strings.Contains(out.Log, "connection refused") {
		t.Errorf("the cache's failure isn't told:\n%s", out.Log)
	}
}
