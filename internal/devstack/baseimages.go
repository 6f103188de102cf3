package devstack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

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
	applets, err := exec.CommandContext(ctx, busybox, "--list").Output()
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
