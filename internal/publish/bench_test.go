package publish

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/org/release-actions/internal/image"
)

// BenchmarkStart starts metadata as a runner does from a release, with a warm
// cache: a shell for "run:", launch.sh, and the step with an event's worth of
// work. In turns with it run the step's program alone, launch.sh with a program
// that does nothing, and Node with an empty one.
func BenchmarkStart(b *testing.B) {
	root, err := filepath.Abs("../..")
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	assets, err := Build(b.Context(), root, dir, os.Environ(), []image.Platform{here})
	if err != nil {
		b.Fatal(err)
	}
	action, cache := filepath.Join(dir, "_actions/acme/actions/v1"), filepath.Join(dir, "cache")
	for _, name := range []string{"launch.sh", "metadata/action.yml", "sbom/action.yml"} {
		text, err := os.ReadFile(filepath.Join(root, "actions", name))
		if err != nil {
			b.Fatal(err)
		}
		put(b, filepath.Join(action, "actions", name), text)
	}
	put(b, filepath.Join(action, "actions/checksums.txt"), []byte(Checksums("v1.2.3", assets)))
	program, err := os.ReadFile(assets[0].Binary)
	if err != nil {
		b.Fatal(err)
	}
	put(b, filepath.Join(cache, "release-actions", assets[0].SHA256, bundleName), program)
	put(b, filepath.Join(cache, "release-actions", assets[1].SHA256, large), []byte("#!/bin/true\n"))
	event := filepath.Join(dir, "event.json")
	put(b, event, []byte(`{"repository": {"name": "app", "description": "d", "html_url": "u", "default_branch": "main", "license": null}}`))
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "RUNNER_TOOL_CACHE=" + cache, "RUNNER_TEMP=" + dir, "RUNNER_OS=Linux", "RUNNER_ARCH=" + map[string]string{"amd64": "X64", "arm64": "ARM64"}[here.Arch],
		"GITHUB_ACTIONS=true", "GITHUB_ACTION_PATH=" + action, "GITHUB_EVENT_NAME=push", "GITHUB_EVENT_PATH=" + event, "GITHUB_REF=refs/tags/v1.2.3",
		"GITHUB_SHA=860c1904a1ce19322e91ac35af1ab07466440c37", "GITHUB_REPOSITORY=acme/app", "GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "SOURCE_DATE_EPOCH=1710027917",
		"INPUT_IMAGES=ghcr.io/acme/app",
	}
	scripts := map[string]string{}
	for _, step := range []string{"metadata", "sbom"} {
		scripts[step] = filepath.Join(dir, step+".sh")
		put(b, scripts[step], fmt.Appendf(nil, "exec \"$GITHUB_ACTION_PATH/actions/launch.sh\" %s\n", step))
	}
	commands := map[string][]string{
		"step":     {"bash", "--noprofile", "--norc", "-e", "-o", "pipefail", scripts["metadata"]},
		"launcher": {"bash", "--noprofile", "--norc", "-e", "-o", "pipefail", scripts["sbom"]},
		"program":  {"bash", "-c", `exec -a metadata "$0"`, assets[0].Binary},
		"node":     {"node", "-e", "0"},
	}
	took := map[string][]time.Duration{}
	for b.Loop() {
		for name, args := range commands {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = env
			started := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%s: %v\n%s", name, err, bytes.TrimSpace(out))
			}
			took[name] = append(took[name], time.Since(started))
		}
	}
	median := map[string]float64{}
	for name, all := range took {
		slices.Sort(all)
		median[name] = float64(all[len(all)/2].Microseconds()) / 1000
		b.ReportMetric(median[name], "ms-"+name)
	}
	b.ReportMetric(median["step"]/median["node"], "step/node")
}

func put(b *testing.B, path string, text []byte) {
	b.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o755); err != nil {
		b.Fatal(err)
	}
}
