package devstack

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// engineImages makes the images that an engine starts for builds, and returns
// their layouts by the reference that they get in docker.io.
func (o options) engineImages(ctx context.Context, packages *debian) (map[string]string, error) {
	selected, err := selectTools([]string{"buildkitd", "buildctl"})
	if err != nil {
		return nil, err
	}
	bin, err := o.toolbox().build(ctx, selected...)
	if err != nil {
		return nil, err
	}
	images := &imageCache{filepath.Join(o.cache, "images"), o.log}
	runc, err := packages.program(ctx, "usr/sbin/runc", "runc")
	if err != nil {
		return nil, err
	}
	buildkit, err := images.buildkit(ctx, bin, runc)
	if err != nil {
		return nil, err
	}
	busybox, err := packages.program(ctx, "bin/busybox", "busybox-static")
	if err != nil {
		return nil, err
	}
	qemu, err := packages.program(ctx, "usr/bin/qemu-riscv64", "qemu-user-static", "qemu-user")
	if err != nil {
		return nil, err
	}
	binfmt, err := images.binfmt(busybox, qemu)
	return map[string]string{"moby/buildkit:local": buildkit, "tonistiigi/binfmt:local": binfmt}, err
}

// buildkit is moby/buildkit, as far as buildx needs it: our own buildkitd with
// Debian's runc and the libraries that this machine runs it with.
func (c *imageCache) buildkit(ctx context.Context, bin, runc string) (dir string, err error) {
	programs := map[string]string{"usr/bin/runc": runc}
	key := "buildkit 1 " + runc
	for _, name := range []string{"buildkitd", "buildctl"} {
		path, err := filepath.EvalSymlinks(filepath.Join(bin, name))
		if err != nil {
			return "", err
		}
		programs["usr/bin/"+name] = path
		key += " " + path
	}
	out, err := exec.CommandContext(ctx, "ldd", runc).Output()
	if err != nil {
		return "", fmt.Errorf("ldd %s: %w", runc, err)
	}
	for _, path := range libraries(string(out)) {
		programs[strings.TrimPrefix(path, "/")] = path
	}
	return c.get(key, func(i *image) error {
		if err := i.layer(func(a *archive) error {
			errs := []error{a.folder("tmp", 0o1777), a.folder("etc", 0o755), a.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/\n"))}
			for name, path := range programs {
				errs = append(errs, a.copyFile(name, 0o755, path))
			}
			return errors.Join(errs...)
		}); err != nil {
			return err
		}
		return i.configure(v1.Config{
			Entrypoint: []string{"buildkitd"}, Env: []string{"PATH=/usr/bin"}, Volumes: map[string]struct{}{"/var/lib/buildkit": {}},
		})
	})
}

// libraries returns the absolute paths that ldd tells.
func libraries(ldd string) (paths []string) {
	for _, field := range strings.Fields(ldd) {
		if strings.HasPrefix(field, "/") {
			paths = append(paths, field)
		}
	}
	return paths
}

// binfmt is tonistiigi/binfmt for the one architecture that the world doesn't
// emulate by itself. Its handler has a name of the world's, which removes it.
func (c *imageCache) binfmt(busybox, qemu string) (dir string, err error) {
	riscv64 := emulated{"riscv64", "riscv64", 2, 0xf3}
	return c.get("binfmt 1 "+busybox+" "+qemu, func(i *image) error {
		if err := i.layer(func(a *archive) error {
			install := fmt.Sprintf(`#!/bin/busybox sh
dir=%s
[ "$1 $2" = "--install riscv64" ] || { echo "installing: $2 unsupported"; exit 0; }
[ -e $dir/register ] || busybox mount -t binfmt_misc binfmt_misc $dir || exit 0
busybox printf '%%s' '%s' >$dir/register && echo "installing: riscv64 OK"
`, binfmtDir, riscv64.registration("/usr/bin/qemu-riscv64"))
			return errors.Join(
				a.folder("bin", 0o755), a.copyFile("bin/busybox", 0o755, busybox),
				a.folder("usr", 0o755), a.folder("usr/bin", 0o755), a.copyFile("usr/bin/qemu-riscv64", 0o755, qemu),
				a.file("usr/bin/binfmt", 0o755, []byte(install)),
			)
		}); err != nil {
			return err
		}
		return i.configure(v1.Config{Entrypoint: []string{"/usr/bin/binfmt"}, Env: []string{"PATH=/usr/bin:/bin"}})
	})
}
