//go:build e2e

package sbom_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/release-actions/internal/image"
)

// BenchmarkThreePlatforms describes an index of three platforms in both
// formats: by the step, and by a process of syft for each platform, in turns.
// Programs are taken from RELEASE_ACTIONS_BIN and SYFT, as the Makefile sets them.
func BenchmarkThreePlatforms(b *testing.B) {
	w := newWorld(b)
	images := map[string]v1.Image{}
	shared := npmLayer(b)
	for _, platform := range []string{"linux/amd64", "linux/arm64", "linux/arm/v7"} {
		images[platform] = platformImage(b, platform, debianLayer(b, platform), shared, goLayer(b, platform))
	}
	var size int64
	for _, img := range images {
		layers, err := img.Layers()
		if err != nil {
			b.Fatal(err)
		}
		for _, l := range layers {
			n, err := l.Size()
			if err != nil {
				b.Fatal(err)
			}
			size += n
		}
	}
	pinned := w.push(b, "acme/bench", index(b, images))

	var ours, theirs usage
	for b.Loop() {
		var three usage
		for platform := range images {
			three.add(syft(b, pinned, platform))
		}
		theirs.add(three)
		ours.add(timed(b, []string{"RUNNER_TEMP=" + b.TempDir()}, filepath.Join(os.Getenv("RELEASE_ACTIONS_BIN"), "sbom"),
			"-output-dir", b.TempDir(), pinned.String()))
	}
	n := float64(b.N)
	b.ReportMetric(float64(size)/float64(len(images))/1e6, "MB/image")
	b.ReportMetric(ours.time.Seconds()/n, "ours-s")
	b.ReportMetric(theirs.time.Seconds()/n, "syft-s")
	b.ReportMetric(ours.time.Seconds()/theirs.time.Seconds(), "time-ratio")
	b.ReportMetric(ours.cpu.Seconds()/n, "ours-cpu-s")
	b.ReportMetric(theirs.cpu.Seconds()/n, "syft-cpu-s")
	b.ReportMetric(ours.peak/(1<<20), "ours-MiB")
	b.ReportMetric(theirs.peak/(1<<20), "syft-MiB")
	b.ReportMetric(ours.peak/theirs.peak, "memory-ratio")
}

// usage is what processes took. The peak is the greatest of one process, in bytes.
type usage struct {
	time, cpu time.Duration
	peak      float64
}

func (u *usage) add(other usage) {
	u.time, u.cpu, u.peak = u.time+other.time, u.cpu+other.cpu, max(u.peak, other.peak)
}

func syft(b *testing.B, pinned image.Pinned, platform string) usage {
	b.Helper()
	dir := b.TempDir()
	return timed(b, []string{"SYFT_CHECK_FOR_APP_UPDATE=false", "TMPDIR=" + dir}, os.Getenv("SYFT"), "scan", "-q",
		"registry:"+pinned.String(), "--platform", platform,
		"-o", "spdx-json="+filepath.Join(dir, "spdx.json"), "-o", "cyclonedx-json="+filepath.Join(dir, "cdx.json"))
}

func timed(b *testing.B, env []string, program string, args ...string) usage {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), program, args...)
	cmd.Env = append(env, "HOME="+b.TempDir(), "PATH="+os.Getenv("PATH"))
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", program, err, out)
	}
	took := time.Since(start)
	// Linux has it in KiB.
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	return usage{took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), float64(peak)}
}

// text returns n bytes that compress to about half, the same for equal seeds.
func text(seed uint64, n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz     \n"
	random := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[random.IntN(len(letters))]
	}
	return string(b)
}

// debianLayer has 700 packages of Debian with a dozen files each.
func debianLayer(b *testing.B, platform string) v1.Layer {
	b.Helper()
	arch := map[string]string{"linux/amd64": "amd64", "linux/arm64": "arm64", "linux/arm/v7": "armhf"}[platform]
	licenses := []string{"GPL-2+", "LGPL-2.1+", "MIT", "BSD-3-clause", "Apache-2.0"}
	files := map[string]string{"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nNAME=\"Debian GNU/Linux\"\n"}
	var status strings.Builder
	for i := range 700 {
		name := fmt.Sprintf("lib%s%d", []string{"alpha", "beta", "gamma", "delta"}[i%4], i)
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: %d\n"+
			"Maintainer: Debian Team %d <team%d@lists.debian.org>\nArchitecture: %s\nSource: src%s\nVersion: 1.%d.0-%d+deb12u1\n"+
			"Depends: libalpha0 (>= 1.0), libbeta%d\nDescription: library number %d\n %s\n\n",
			name, 100+i, i%40, i%40, arch, name, i, i%7, i/4*4+1, i, strings.ReplaceAll(text(uint64(i), 300), "\n", " "))
		var list, sums strings.Builder
		list.WriteString("/.\n/usr\n/usr/lib\n/usr/share\n")
		for f := range 12 {
			path := fmt.Sprintf("usr/lib/%s/file%d.dat", name, f)
			files[path] = text(uint64(i*100+f)+uint64(len(arch)), 2100)
			fmt.Fprintf(&list, "/%s\n", path)
			fmt.Fprintf(&sums, "%032x  %s\n", i*100+f, path)
		}
		files["usr/share/doc/"+name+"/copyright"] = fmt.Sprintf("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"+
			"Upstream-Name: %s\n\nFiles: *\nCopyright: 2020 Somebody\nLicense: %s\n %s\n", name, licenses[i%5], text(uint64(i), 800))
		files["var/lib/dpkg/info/"+name+".list"] = list.String()
		files["var/lib/dpkg/info/"+name+".md5sums"] = sums.String()
	}
	files["var/lib/dpkg/status"] = status.String()
	return layer(b, files)
}

// npmLayer has 250 packages of npm. It is the same for all platforms.
func npmLayer(b *testing.B) v1.Layer {
	b.Helper()
	files := map[string]string{}
	for i := range 250 {
		dir := fmt.Sprintf("app/node_modules/package-%d/", i)
		files[dir+"package.json"] = fmt.Sprintf(`{"name":"package-%d","version":"%d.%d.0","license":"%s","author":"Somebody <s@example.com>",`+
			`"repository":{"type":"git","url":"https://github.com/acme/package-%d.git"},"dependencies":{"package-%d":"*"}}`,
			i, i%9, i, []string{"MIT", "ISC", "Apache-2.0"}[i%3], i, (i+1)%250)
		files[dir+"index.js"] = text(uint64(i), 6000)
		files[dir+"README.md"] = text(uint64(i)+1, 3000)
	}
	return layer(b, files)
}

// goLayer has two Go programs: steps of ours, compiled for the platform.
func goLayer(b *testing.B, platform string) v1.Layer {
	b.Helper()
	files := map[string]string{}
	for _, step := range []string{"promote", "metadata"} {
		path := filepath.Join(b.TempDir(), step)
		cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/org/release-actions/actions/"+step)
		arch, _, _ := strings.Cut(strings.TrimPrefix(platform, "linux/"), "/")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("build %s for %s: %v\n%s", step, platform, err, out)
		}
		program, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		files["usr/local/bin/"+step] = string(program)
	}
	return layer(b, files)
}
