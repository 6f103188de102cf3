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
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// architectures are what package managers call platforms: dpkg and apk.
var architectures = map[string]struct{ arch, dpkg, apk string }{
	"linux/amd64":  {"amd64", "amd64", "x86_64"},
	"linux/arm64":  {"arm64", "arm64", "aarch64"},
	"linux/arm/v7": {"arm", "armhf", "armv7"},
}

// pushScanned pushes an index whose images have the files of folders below
// testdata/scanned, and examples/hello, compiled for each platform.
func pushScanned(tb testing.TB, repository string, folders ...string) (digest string) {
	tb.Helper()
	var index v1.ImageIndex = empty.Index
	for _, text := range platforms {
		platform, err := v1.ParsePlatform(text)
		if err != nil {
			tb.Fatal(err)
		}
		image, err := mutate.AppendLayers(empty.Image, scannedLayer(tb, text, folders))
		if err != nil {
			tb.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			tb.Fatal(err)
		}
		config = config.DeepCopy()
		config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
		if image, err = mutate.ConfigFile(image, config); err != nil {
			tb.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	hash, err := index.Digest()
	if err != nil {
		tb.Fatal(err)
	}
	to, err := name.NewDigest(repository + "@" + hash.String())
	if err != nil {
		tb.Fatal(err)
	}
	host, _, _ := strings.Cut(repository, "/")
	if err := remote.WriteIndex(to, index, newForger(tb, host).options...); err != nil {
		tb.Fatal(err)
	}
	return hash.String()
}

func scannedLayer(tb testing.TB, platform string, folders []string) v1.Layer {
	tb.Helper()
	names := architectures[platform]
	var layer bytes.Buffer
	files := tar.NewWriter(&layer)
	add := func(name string, mode int64, content []byte) {
		tb.Helper()
		if err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
			tb.Fatal(err)
		}
		if _, err := files.Write(content); err != nil {
			tb.Fatal(err)
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
			tb.Fatal(err)
		}
	}
	program := filepath.Join(tb.TempDir(), "hello")
	build := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", program, ".")
	build.Dir = filepath.Join(source, "examples", "hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+names.arch, "GOARM=7")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		tb.Fatal(err)
	}
	add("usr/bin/hello", 0o755, content)
	if err := files.Close(); err != nil {
		tb.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		tb.Fatal(err)
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

// said is what the message of a result tells of a package, in Trivy's words and
// in ours: its name, its version, and what mends it.
var said = []*regexp.Regexp{
	regexp.MustCompile(`(?s)^Package: (\S+)\nInstalled Version: (\S+)\n.*Fixed Version: (.*?)\n`),
	regexp.MustCompile(`(?s)^(\S+) (\S+): .* \((?:fixed in (.+)|no fix)\)$`),
}

// results are what a SARIF file says: rule, level, file, package, version and
// fixed version.
func results(t *testing.T, text []byte) (all []string) {
	t.Helper()
	var file struct {
		Runs []struct {
			Results []struct {
				RuleID, Level string
				Message       struct{ Text string }
				Locations     []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, run := range file.Runs {
		for _, r := range run.Results {
			message := r.Message.Text
			for _, words := range said {
				if found := words.FindStringSubmatch(r.Message.Text); found != nil {
					message = strings.Join(found[1:], " ")
				}
			}
			all = append(all, fmt.Sprintf("%s %s %s: %s", r.RuleID, r.Level, r.Locations[0].PhysicalLocation.ArtifactLocation.URI, message))
		}
	}
	slices.Sort(all)
	return all
}
