//go:build e2e

package rehearsal_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// BenchmarkScan scans one platform, three platforms, and the documents of three,
// in turns and with a database that is there. Trivy as a process for each
// platform, one after the other, is what a workflow without us would run. The
// registry is on loopback, and then as far away as one on the internet.
func BenchmarkScan(b *testing.B) {
	b.Run("loopback", benchmarkScan)
	b.Run("far", func(b *testing.B) {
		farAway(b, 80*time.Millisecond, "index.docker.io", "registry-1.docker.io")
		benchmarkScan(b)
	})
}

func benchmarkScan(b *testing.B) {
	b.Helper()
	const repository = "docker.io/acme/scanned"
	image := repository + "@" + pushScanned(b, repository, "debian", "common")
	found, err := rehearsal.NewJudges(world.Env, "v0.0.0").Platforms(b.Context(), image)
	if err != nil {
		b.Fatal(err)
	}
	env := maps.Clone(world.Env)
	env["DOCKER_CONFIG"], env["HOME"] = env["DEVSTACK_DOCKER_CONFIG"], b.TempDir()
	total, computed := map[string]time.Duration{}, map[string]time.Duration{}
	run := func(what, program string, args ...string) {
		cmd := exec.CommandContext(b.Context(), program, args...)
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		total[what] += time.Since(start)
		computed[what] += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	sboms, cache := b.TempDir(), b.TempDir()
	bin := env["RELEASE_ACTIONS_BIN"]
	run("", filepath.Join(bin, "sbom"), "-images", image, "-output-dir", sboms)
	documents, err := filepath.Glob(filepath.Join(sboms, "*"))
	if err != nil {
		b.Fatal(err)
	}
	scan := func(what string, args ...string) {
		run(what, filepath.Join(bin, "scan"), append(args, "-output-dir", b.TempDir(), "-cache-dir", cache, "-fail-on", "", "-upload", "never")...)
	}
	scan("", "-images", image) // fetches the database
	for b.Loop() {
		scan("one", "-images", repository+"@"+found["linux/arm64"])
		scan("three", "-images", image)
		scan("documents", "-images", image, "-source", "sbom", "-sboms", strings.Join(documents, "\n"))
		if err := os.RemoveAll(filepath.Join(cache, "fanal")); err != nil { // what Trivy by hand keeps of layers, which the next run of a workflow hasn't
			b.Fatal(err)
		}
		for _, platform := range slices.Sorted(maps.Keys(found)) {
			for _, format := range []string{"json", "sarif"} {
				run("trivy", filepath.Join(env["DEVSTACK_BIN"], "trivy"), "image", "--image-src", "remote", "--platform", platform, "--format", format,
					"--output", filepath.Join(b.TempDir(), format), "--scanners", "vuln", "--cache-dir", cache, "--quiet", "--skip-version-check", "--skip-db-update", image)
			}
		}
	}
	for _, what := range []string{"one", "three", "documents", "trivy"} {
		b.ReportMetric(total[what].Seconds()/float64(b.N), what+"-s/op")
		b.ReportMetric(computed[what].Seconds()/float64(b.N), what+"-cpu-s/op")
	}
	b.ReportMetric(total["three"].Seconds()/total["one"].Seconds(), "three/one")
	b.ReportMetric(computed["three"].Seconds()/computed["one"].Seconds(), "three/one-cpu")
	b.ReportMetric(total["three"].Seconds()/total["trivy"].Seconds(), "three/trivy")
}
