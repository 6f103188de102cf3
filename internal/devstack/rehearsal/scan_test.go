//go:build e2e

package rehearsal_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// architectures are what package managers call platforms: dpkg and apk.
var architectures = map[string]struct{ arch, dpkg, apk string }{
	"linux/amd64":  {"amd64", "amd64", "x86_64"},
	"linux/arm64":  {"arm64", "arm64", "aarch64"},
	"linux/arm/v7": {"arm", "armhf", "armv7"},
}

// pushScanned pushes an index whose images have the files of folders below
// testdata/scanned, and examples/hello, compiled for each platform.
func pushScanned(t *testing.T, repository string, folders ...string) (digest string) {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, text := range platforms {
		platform, err := v1.ParsePlatform(text)
		if err != nil {
			t.Fatal(err)
		}
		image, err := mutate.AppendLayers(empty.Image, scannedLayer(t, text, folders))
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		config = config.DeepCopy()
		config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
		if image, err = mutate.ConfigFile(image, config); err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	to, err := name.NewDigest(repository + "@" + hash.String())
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(repository, "/")
	if err := remote.WriteIndex(to, index, newForger(t, host).options...); err != nil {
		t.Fatal(err)
	}
	return hash.String()
}

func scannedLayer(t *testing.T, platform string, folders []string) v1.Layer {
	t.Helper()
	names := architectures[platform]
	var layer bytes.Buffer
	files := tar.NewWriter(&layer)
	add := func(name string, mode int64, content []byte) {
		t.Helper()
		if err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range folders {
		root := os.DirFS(filepath.Join("testdata", "scanned", folder))
		err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(root, path)
			add(path, 0o644, []byte(strings.NewReplacer("@ARCH@", names.dpkg, "@APK@", names.apk).Replace(string(content))))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(t.TempDir(), "hello")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", program, ".")
	build.Dir = filepath.Join(source, "examples", "hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+names.arch, "GOARM=7")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	add("usr/bin/hello", 0o755, content)
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// found are findings of Trivy: ID, package, installed version, severity, and
// fixed version. Two things are spelt in documents as the specification of
// package URLs wants it, and differently in images: the name of a Python package,
// https://packaging.python.org/en/latest/specifications/name-normalization/,
// and the version of Go's standard library, without a "v".
func found(t *testing.T, report string) (all []string) {
	t.Helper()
	var r struct {
		Results []struct {
			Type            string
			Vulnerabilities []struct{ VulnerabilityID, PkgName, InstalledVersion, FixedVersion, Severity string }
		}
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		t.Fatal(err)
	}
	for _, result := range r.Results {
		for _, v := range result.Vulnerabilities {
			if result.Type == "python-pkg" {
				v.PkgName = strings.ToLower(v.PkgName)
			}
			if v.PkgName == "stdlib" {
				v.InstalledVersion = strings.TrimPrefix(v.InstalledVersion, "v")
			}
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", v.VulnerabilityID, v.PkgName, v.InstalledVersion, v.Severity, v.FixedVersion)))
		}
	}
	slices.Sort(all)
	return all
}

// TestTrivyFindsTheSameInOurDocuments has Trivy scan images of two operating
// systems, with packages of several languages, and then the documents that
// the sbom step makes of them.
func TestTrivyFindsTheSameInOurDocuments(t *testing.T) {
	common := `
CVE-0000-0001 golang.org/x/sys v0.29.0 MEDIUM 0.30.0
CVE-0000-0002 github.com/mattn/go-isatty v0.0.20 LOW
CVE-0000-0003 lodash 4.17.20 CRITICAL 4.17.21
CVE-0000-0003 lodash 4.17.20 CRITICAL 4.17.21
CVE-0000-0004 @babel/traverse 7.23.0 HIGH 7.23.2
CVE-0000-0005 minimist 1.2.8 MEDIUM
CVE-0000-0006 pyyaml 5.3.1 HIGH 5.4
CVE-0000-0017 stdlib ` + strings.TrimPrefix(runtime.Version(), "go") + ` LOW 99.0.0`
	judges := rehearsal.NewJudges(world.Env, "v0.0.0")
	cache := t.TempDir()
	trivy := func(t *testing.T, args ...string) string {
		t.Helper()
		out, err := judges.Run(t.Context(), "trivy", append(args, "--cache-dir", cache, "--scanners", "vuln", "--format", "json", "--quiet", "--skip-version-check")...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for base, want := range map[string]string{
		"debian": `
CVE-0000-0007 libssl3 3.0.19-1~deb12u2 CRITICAL 3.0.99-1~deb12u1
CVE-0000-0008 libc-bin 2.36-9+deb12u14 LOW
CVE-0000-0008 libc6 2.36-9+deb12u14 LOW
CVE-0000-0009 bash 5.2.15-2+b13 HIGH 5.2.15-2+b1
CVE-0000-0010 zlib1g 1:1.2.13.dfsg-1 MEDIUM 1:1.2.14.dfsg-1
CVE-0000-0011 login 1:4.13+dfsg1-1+deb12u2 UNKNOWN 1:4.13+dfsg1-1+deb12u9
CVE-0000-0011 passwd 1:4.13+dfsg1-1+deb12u2 UNKNOWN 1:4.13+dfsg1-1+deb12u9
CVE-0000-0012 gcc-12-base 12.2.0-14+deb12u1 LOW 12.2.0-99
CVE-0000-0012 libgcc-s1 12.2.0-14+deb12u1 LOW 12.2.0-99
`,
		"alpine": `
CVE-0000-0014 libcrypto3 3.3.2-r0 HIGH 3.3.9-r0
CVE-0000-0014 libssl3 3.3.2-r0 HIGH 3.3.9-r0
CVE-0000-0015 busybox 1.36.1-r29 MEDIUM 1.36.1-r99
CVE-0000-0015 busybox-binsh 1.36.1-r29 MEDIUM 1.36.1-r99
CVE-0000-0015 ssl_client 1.36.1-r29 MEDIUM 1.36.1-r99
`,
	} {
		t.Run(base, func(t *testing.T) {
			repository := "ghcr.io/acme/scanned-" + base
			digest := pushScanned(t, repository, base, "common")
			dir := t.TempDir()
			if out, err := step(t, "sbom", "-images", repository+"@"+digest, "-output-dir", dir); err != nil {
				t.Fatal(out)
			}
			expected := strings.Split(strings.TrimSpace(common+want), "\n")
			slices.Sort(expected)
			for _, platform := range platforms {
				image := found(t, trivy(t, "image", "--image-src", "remote", "--platform", platform, repository+"@"+digest))
				if !slices.Equal(image, expected) {
					t.Errorf("%s: found in the image:\n%s\nwant\n%s", platform, strings.Join(image, "\n"), strings.Join(expected, "\n"))
				}
				for _, format := range []string{"cdx", "spdx"} {
					document := path.Join(dir, "sbom-"+strings.ReplaceAll(platform, "/", "-")+"."+format+".json")
					if listed := found(t, trivy(t, "sbom", document)); !slices.Equal(listed, image) {
						t.Errorf("%s: found in %s:\n%s\nand in the image\n%s", platform, format, strings.Join(listed, "\n"), strings.Join(image, "\n"))
					}
				}
			}
		})
	}
}
