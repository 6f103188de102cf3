package devstack

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageCache keeps images that builds are based on, each as an OCI layout. An
// image is a function of its key alone, so that layer caches hit between worlds.
type imageCache struct {
	dir string
	log io.Writer
}

// get returns the layout of the image of that key, and makes it where there is none.
func (c *imageCache) get(key string, make func(*image) error) (dir string, err error) {
	sum := sha256.Sum256([]byte(key))
	dir = filepath.Join(c.dir, hex.EncodeToString(sum[:])[:16])
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return dir, c.write(dir, make)
	}
	return dir, nil
}

// openImage returns the one image of a layout.
func openImage(dir string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%q holds %d images, not one: remove it", dir, len(manifest.Manifests))
	}
	return index.Image(manifest.Manifests[0].Digest)
}

func (c *imageCache) write(dir string, make func(*image) error) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(c.dir, ".making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a left-over in a cache
	img := &image{Image: mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), scratch: tmp}
	if err := make(img); err != nil {
		return err
	}
	path, err := layout.Write(filepath.Join(tmp, "layout"), empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendImage(img.Image); err != nil {
		return err
	}
	return os.Rename(filepath.Join(tmp, "layout"), dir)
}

// image is an image being made.
type image struct {
	v1.Image
	scratch string
}

// configure sets the image's configuration for this machine's platform.
func (i *image) configure(config v1.Config) error {
	file, err := i.ConfigFile()
	if err != nil {
		return err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", runtime.GOARCH, config
	i.Image, err = mutate.ConfigFile(i.Image, file)
	return err
}

// layer adds a layer with what write puts into the archive.
func (i *image) layer(write func(*archive) error) error {
	file, err := os.CreateTemp(i.scratch, "layer-")
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // closed below when all went well
	a := &archive{tar.NewWriter(file)}
	if err := errors.Join(write(a), a.Close(), file.Close()); err != nil {
		return err
	}
	layer, err := tarball.LayerFromFile(file.Name(), tarball.WithCompressionLevel(gzip.BestSpeed),
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return err
	}
	i.Image, err = mutate.AppendLayers(i.Image, layer)
	return err
}

// archive is a layer being written; all its files are root's and of no time.
type archive struct{ *tar.Writer }

func (a *archive) folder(name string, mode int64) error {
	return a.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
}

func (a *archive) link(name, target string) error {
	return a.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

func (a *archive) file(name string, mode int64, content []byte) error {
	if err := a.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := a.Write(content)
	return err
}

// copyFile adds the file at path under name.
func (a *archive) copyFile(name string, mode int64, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return a.file(name, mode, content)
}

// tree adds the folder at root under name, without what skip names.
func (a *archive) tree(name, root string, skip func(path string, d fs.DirEntry) bool) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if skip(filepath.ToSlash(rel), d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := filepath.ToSlash(filepath.Join(name, rel))
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return a.folder(target, 0o755)
		case d.Type().IsRegular():
			// Only whether it can be run: who may write differs between machines.
			mode := int64(0o644)
			if info.Mode()&0o100 != 0 {
				mode = 0o755
			}
			return a.copyFile(target, mode, path)
		}
		return nil
	})
}

// frontendLabels is what docker/dockerfile says of itself:
// https://github.com/moby/buildkit/blob/v0.34.2/frontend/dockerfile/cmd/dockerfile-frontend/Dockerfile
var frontendLabels = map[string]string{
	"moby.buildkit.frontend.network.none": "true",
	"moby.buildkit.frontend.caps":         "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts",
}

// program is an image that holds one program of the toolbox and runs it.
func (c *imageCache) program(path string, labels map[string]string) (dir string, err error) {
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	name := filepath.Base(path)
	// The folder's name is the key of the program's build.
	return c.get("program "+filepath.Base(filepath.Dir(path)), func(i *image) error {
		if err := i.layer(func(a *archive) error {
			return errors.Join(a.folder("bin", 0o755), a.copyFile("bin/"+name, 0o755, path))
		}); err != nil {
			return err
		}
		return i.configure(v1.Config{Entrypoint: []string{"/bin/" + name}, Labels: labels})
	})
}

// golang is library/golang: this machine's own Go over busybox, in the layout
// of the official image. Modules come from goproxy, a URL.
func (c *imageCache) golang(ctx context.Context, busybox, goproxy string) (version, dir string, err error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return "", "", fmt.Errorf("go env: %w", err)
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	version = strings.TrimPrefix(version, "go")
	applets, err := exec.CommandContext(ctx, busybox, "--list").Output() //nolint:gosec // fetched by us
	if err != nil {
		return "", "", fmt.Errorf("%s --list: %w", busybox, err)
	}
	certificates, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	key := fmt.Sprintf("golang 1 %s %s %s %x", version, busybox, goproxy, sha256.Sum256(certificates))
	dir, err = c.get(key, func(i *image) error {
		fmt.Fprintf(c.log, "making the image golang:%s from this machine's Go (first time only) ...\n", version)
		if err := i.layer(func(a *archive) error { return userland(a, busybox, strings.Fields(string(applets)), certificates) }); err != nil {
			return err
		}
		if err := i.layer(func(a *archive) error { return goroot(a, root) }); err != nil {
			return err
		}
		return i.configure(v1.Config{
			Env: []string{
				"PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"GOLANG_VERSION=" + version, "GOTOOLCHAIN=local", "GOPATH=/go", "CGO_ENABLED=0",
				// The checksum database is not to be reached; go.sum is still checked.
				"GOPROXY=" + goproxy, "GOSUMDB=off",
			},
			WorkingDir: "/go",
			Cmd:        []string{"sh"},
		})
	})
	return version, dir, err
}

// userland writes what a RUN step counts on: a shell and its tools, users, roots of trust.
func userland(a *archive, busybox string, applets []string, certificates []byte) error {
	errs := []error{
		a.folder("bin", 0o755), a.copyFile("bin/busybox", 0o755, busybox),
		a.folder("usr", 0o755), a.folder("usr/bin", 0o755), a.link("usr/bin/env", "/bin/busybox"),
		a.folder("usr/local", 0o755), a.folder("usr/local/bin", 0o755),
		a.folder("tmp", 0o1777), a.folder("root", 0o700),
		a.folder("go", 0o777), a.folder("go/bin", 0o777), a.folder("go/src", 0o777),
		a.folder("etc", 0o755), a.folder("etc/ssl", 0o755), a.folder("etc/ssl/certs", 0o755),
		a.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")),
		a.file("etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n")),
		a.file("etc/nsswitch.conf", 0o644, []byte("hosts: files dns\n")),
		a.file("etc/ssl/certs/ca-certificates.crt", 0o644, certificates),
	}
	slices.Sort(applets)
	for _, applet := range applets {
		if applet != "busybox" {
			errs = append(errs, a.link("bin/"+applet, "/bin/busybox"))
		}
	}
	return errors.Join(errs...)
}

// goroot writes the part of a GOROOT that builds programs.
func goroot(a *archive, root string) error {
	tools := "pkg/tool/" + runtime.GOOS + "_" + runtime.GOARCH
	wanted := []string{"bin", "lib", "pkg", "pkg/include", "pkg/tool", tools, "src", "VERSION", "go.env"}
	skip := func(path string, d fs.DirEntry) bool {
		switch {
		case path == ".", slices.Contains(wanted, path):
			return false
		case strings.HasPrefix(path, "src/cmd"), d.Name() == "testdata", strings.HasSuffix(path, "_test.go"):
			return true
		}
		return !slices.ContainsFunc([]string{"bin/", "lib/", "pkg/include/", tools + "/", "src/"}, func(prefix string) bool {
			return strings.HasPrefix(path, prefix)
		})
	}
	return errors.Join(a.folder("usr", 0o755), a.folder("usr/local", 0o755), a.tree("usr/local/go", root, skip))
}
