//go:build e2e

package rehearsal_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkCachedBuild builds examples/hello for three platforms with all
// layers cached, and pushes it to two registries: by buildx alone, and by the
// step that runs buildx, in turns. What counts is what the step adds.
func BenchmarkCachedBuild(b *testing.B) {
	images := []string{"ghcr.io/acme/cachedbuild", "docker.io/acme/cachedbuild"}
	example, err := filepath.Abs(filepath.Join(source, "examples", "hello"))
	if err != nil {
		b.Fatal(err)
	}
	env := maps.Clone(world.Env)
	env["DOCKER_CONFIG"], env["HOME"] = env["DEVSTACK_DOCKER_CONFIG"], b.TempDir()
	timed := func(program string, args ...string) time.Duration {
		cmd := exec.CommandContext(b.Context(), program, args...)
		cmd.Dir = example
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", program, err, out)
		}
		return time.Since(start)
	}
	buildx := func() time.Duration {
		return timed(filepath.Join(env["DEVSTACK_BIN"], "docker-buildx"), "build", "--platform", strings.Join(platforms, ","),
			"--provenance", "mode=max,version=v1", "--metadata-file", filepath.Join(env["HOME"], "metadata.json"), "--progress", "plain",
			"--output", `type=image,"name=`+strings.Join(images, ",")+`",push-by-digest=true,name-canonical=true,push=true`, ".")
	}
	step := func() time.Duration {
		return timed(filepath.Join(env["RELEASE_ACTIONS_BIN"], "build-push"), "-context", ".", "-images", images[0], "-images", images[1],
			"-platforms", strings.Join(platforms, ","))
	}
	buildx()
	step()
	var ours, theirs time.Duration
	for b.Loop() {
		theirs += buildx()
		ours += step()
	}
	per := func(d time.Duration) float64 { return d.Seconds() / float64(b.N) }
	b.ReportMetric(per(theirs), "buildx-s/op")
	b.ReportMetric(per(ours), "step-s/op")
	b.ReportMetric(per(ours-theirs), "added-s/op")
}
