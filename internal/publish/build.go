// Package publish makes this project's own releases: programs for every
// platform, the commit that pins them, what is said and signed of them, the
// GitHub release, and the tags v1 and v1.2.
//
// Why a release is made so: docs/design/0008-a-tag-pins-its-programs.md.
package publish

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/image"
)

// large is the step that is a program of its own: its cataloguers are twice as
// large as all other steps together, which are one program.
const large = "sbom"

// Asset is a program as it is published.
type Asset struct {
	Program  string // "steps" or "sbom"
	Platform image.Platform
	Binary   string // the file that runs
	File     string // that file, compressed: PROGRAM_OS_ARCH.gz
	SHA256   string // of the compressed file, in hexadecimal digits
}

// Build builds the programs of all steps in the source tree root for platforms,
// and writes them, compressed, to dir. The same sources give the same bytes,
// wherever they lie and whoever builds them.
//
// https://go.dev/blog/rebuild
func Build(ctx context.Context, root, dir string, environ []string, platforms []image.Platform) ([]Asset, error) {
	steps, err := stepsOf(root)
	if err != nil {
		return nil, err
	}
	bundle, err := newBundle(root, slices.DeleteFunc(steps, func(s string) bool { return s == large }))
	if err != nil {
		return nil, err
	}
	defer bundle.remove()
	toolchain, err := toolchainOf(ctx, root, environ)
	if err != nil {
		return nil, err
	}
	var assets []Asset
	for _, p := range platforms {
		// What could differ between machines is as go.mod and the platform say.
		env := append(environ[:len(environ):len(environ)], "GOOS="+p.OS, "GOARCH="+p.Arch, "GOTOOLCHAIN="+toolchain,
			"CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off")
		for _, program := range []struct{ name, pkg string }{{bundleName, bundle.pkg}, {large, "./actions/" + large}} {
			a := Asset{Program: program.name, Platform: p}
			name := program.name + "_" + p.OS + "_" + p.Arch
			a.Binary, a.File = filepath.Join(dir, "bin", name), filepath.Join(dir, "assets", name+".gz")
			if err := compile(ctx, root, env, "-overlay="+bundle.overlay, "-o", a.Binary, program.pkg); err != nil {
				return nil, fmt.Errorf("build %s for %s: %w", program.name, p, err)
			}
			assets = append(assets, a)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "assets"), 0o750); err != nil {
		return nil, err
	}
	var g errgroup.Group
	for i := range assets {
		g.Go(func() (err error) {
			assets[i].SHA256, err = compress(assets[i].Binary, assets[i].File)
			return err
		})
	}
	return assets, g.Wait()
}

// stepsOf returns the names of the steps, in order.
func stepsOf(root string) ([]string, error) {
	mains, err := filepath.Glob(filepath.Join(root, "actions/*/main.go"))
	if err != nil {
		return nil, err
	}
	if len(mains) == 0 {
		return nil, fmt.Errorf("there are no steps in %q", root)
	}
	for i, main := range mains {
		mains[i] = filepath.Base(filepath.Dir(main))
	}
	return mains, nil
}

// toolchainOf returns the toolchain that go.mod names, as GOTOOLCHAIN takes it:
// another one, even a newer, would give other bytes.
func toolchainOf(ctx context.Context, root string, environ []string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "go{{.GoVersion}}")
	cmd.Dir, cmd.Env = root, environ
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask for the Go version of %q: %w", root, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// compile runs go build so that nothing of this machine is in what comes out.
func compile(ctx context.Context, root string, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w"}, args...)...) //nolint:gosec // arguments are ours
	cmd.Dir, cmd.Env = root, env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// compress writes from to file by gzip, which is everywhere, and returns the
// SHA-256 of what it wrote.
func compress(from, file string) (sum string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close() //nolint:errcheck // it is only read
	out, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer out.Close() //nolint:errcheck // closed below when all went well
	hash := sha256.New()
	zip, err := gzip.NewWriterLevel(io.MultiWriter(out, hash), gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(zip, in); err != nil {
		return "", err
	}
	if err := zip.Close(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), out.Close()
}

// Checksums returns the text of actions/checksums.txt: which release has the
// programs, and what they are, as sha256sum writes it.
func Checksums(version string, assets []Asset) string {
	return "# " + version + "\n" + sums(assets)
}

func sums(assets []Asset) string {
	var text strings.Builder
	for _, a := range assets {
		fmt.Fprintf(&text, "%s  %s\n", a.SHA256, filepath.Base(a.File))
	}
	return text.String()
}
