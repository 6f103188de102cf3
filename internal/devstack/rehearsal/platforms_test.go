//go:build e2e && examples

package rehearsal_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkPlatforms compiles examples/rust-service and its dependencies for
// linux/amd64 and linux/arm64 in three ways: every compiler on its target's
// platform, so that one is emulated; both on this machine's, as the Dockerfile
// has it; and by a node for each platform.
//
// The nodes stand in for machines of one platform each, and are as fast as this
// one: each compiles its own share on this machine's platform. They take turns,
// since two machines don't share their cores, and the slower one counts.
// Toolchains are installed beforehand.
func BenchmarkPlatforms(b *testing.B) {
	shares := []string{"linux/amd64", "linux/arm64"}
	if err := world.StartDebian(b.Context(), "amd64", "arm64"); err != nil {
		b.Fatal(err)
	}
	cross := rustService(b)
	file, err := os.ReadFile(filepath.Join(cross, "Dockerfile"))
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Replace(string(file), "FROM --platform=$BUILDPLATFORM ", "FROM ", 1)
	if text == string(file) {
		b.Fatal("the Dockerfile doesn't say where its compiler runs")
	}
	emulated := b.TempDir()
	if err := os.CopyFS(emulated, os.DirFS(cross)); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(emulated, "Dockerfile"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}

	env := maps.Clone(world.Env)
	env["DOCKER_CONFIG"], env["HOME"] = env["DEVSTACK_DOCKER_CONFIG"], b.TempDir()
	buildx := func(env map[string]string, args ...string) time.Duration {
		cmd := exec.CommandContext(b.Context(), filepath.Join(env["DEVSTACK_BIN"], "docker-buildx"), args...)
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		return time.Since(start)
	}
	build := func(env map[string]string, dir string, platforms ...string) time.Duration {
		return buildx(env, "build", "--no-cache-filter", "build", "--output", "type=cacheonly", "--platform", strings.Join(platforms, ","), dir)
	}
	nodes := map[string]map[string]string{}
	for _, platform := range shares {
		name := strings.ReplaceAll(strings.TrimPrefix(platform, "linux/"), "/", "-")
		endpoint, err := world.StartNode(b.Context(), name)
		if err != nil {
			b.Fatal(err)
		}
		node := maps.Clone(env)
		node["BUILDX_BUILDER"], node["BUILDX_CONFIG"] = name, b.TempDir()
		buildx(node, "create", "--name", name, "--driver", "remote", endpoint)
		nodes[platform] = node
		build(node, cross, platform)
	}
	build(env, cross, shares...)
	build(env, emulated, shares...)

	total := map[string]time.Duration{}
	for b.Loop() {
		total["emulated"] += build(env, emulated, shares...)
		total["cross"] += build(env, cross, shares...)
		var slowest time.Duration
		for platform, node := range nodes {
			slowest = max(slowest, build(node, cross, platform))
		}
		total["nodes"] += slowest
	}
	for way, d := range total {
		b.ReportMetric(d.Seconds()/float64(b.N), way+"-s/op")
	}
	b.ReportMetric(total["emulated"].Seconds()/total["cross"].Seconds(), "emulated/cross")
	b.ReportMetric(total["cross"].Seconds()/total["nodes"].Seconds(), "cross/nodes")
	b.ReportMetric(total["emulated"].Seconds()/total["nodes"].Seconds(), "emulated/nodes")
}
