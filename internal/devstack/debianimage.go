package devstack

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// debianRelease is the release that library/debian is made of, and debianImage
// the name that examples know it by.
const (
	debianRelease = "bookworm"
	debianImage   = "library/debian:" + debianRelease + "-slim"
)

// debianArch is Debian's name of an architecture, by Go's and OCI's.
var debianArch = map[string]string{"amd64": "amd64", "arm64": "arm64", "arm": "armhf"}

// gnuTriplet is GNU's name of an architecture as package names have it, by Debian's.
var gnuTriplet = map[string]string{"amd64": "x86-64-linux-gnu", "arm64": "aarch64-linux-gnu", "armhf": "arm-linux-gnueabihf"}

// basePackages are what debian:bookworm-slim consists of.
func basePackages(arch string) packageSet {
	return packageSet{name: "base-" + arch, arch: arch, install: []string{"?and(?essential,?architecture(" + arch + "))", "apt", "usr-is-merged"}}
}

// compilers are the packages that apt finds in RUN steps on an architecture:
// Rust for it and, on this machine's, all that compiles for the others.
func compilers(arch string) packageSet {
	s := packageSet{name: "compilers-" + arch, arch: arch, install: []string{"ca-certificates", "cargo-web", "rustc-web"}}
	if arch != debianArch[runtime.GOARCH] {
		return s
	}
	for _, target := range slices.Sorted(maps.Values(debianArch)) {
		if target != arch {
			s.install = append(s.install, "gcc-"+gnuTriplet[target], "libc6-dev-"+target+"-cross")
			s.download = append(s.download, "libstd-rust-web-dev:"+target)
		}
	}
	return s
}

//go:embed debian.Dockerfile
var debianDockerfile []byte

// debianKey changes when the image is made in another way of the same packages.
const debianKey = "debian 1"

// startDebian has the running world serve debian:bookworm-slim as docker.io's:
// made of Debian's own packages for every architecture, once, by the world's
// BuildKit. In RUN steps on this machine's architecture, and on further ones
// that are named, apt finds compilers.
func startDebian(ctx context.Context, o options, further []string) error {
	c := newClient(o.dir)
	var source string
	if err := c.ask(ctx, http.MethodGet, "/packages", nil, &source); err != nil {
		return err
	}
	for _, arch := range further {
		if debianArch[arch] == "" {
			return fmt.Errorf("architecture %q is none of %s", arch, strings.Join(slices.Sorted(maps.Keys(debianArch)), ", "))
		}
	}
	apt := &aptCache{dir: packagesDir(o.cache), log: o.log}
	base := map[string]string{}
	key := []string{debianKey, source, string(debianDockerfile)}
	for _, arch := range slices.Sorted(maps.Keys(debianArch)) {
		debian := debianArch[arch]
		dir, err := apt.get(ctx, basePackages(debian), func(dir string) error { return writeStatus(ctx, dir) })
		if err != nil {
			return err
		}
		base[arch] = dir
		set := compilers(debian)
		set.status = filepath.Join(dir, "status")
		key = append(key, dir, apt.folder(set))
		if arch != runtime.GOARCH && !slices.Contains(further, arch) {
			continue
		}
		if _, err := apt.get(ctx, set, func(dir string) error { return writeIndex(ctx, dir) }); err != nil {
			return err
		}
	}
	crates, err := apt.crates(ctx, filepath.Join(o.checkout, "examples", "rust-service", "Cargo.lock"))
	if err != nil {
		return err
	}
	images := &imageCache{filepath.Join(o.cache, "images"), o.log}
	dir, err := images.layout(strings.Join(append(key, crates), "\n"), func(dir string) error {
		fmt.Fprintf(o.log, "making the image %s of Debian's packages (first time only) ...\n", debianImage)
		folders := map[string]string{"crates": crates}
		for arch, dir := range base {
			folders["debs/"+arch] = dir
		}
		return buildDebian(ctx, o, apt, source, folders, dir)
	})
	if err != nil {
		return err
	}
	return c.ask(ctx, http.MethodPost, "/images", map[string]string{debianImage: dir}, nil)
}

// buildDebian has the world's BuildKit write the image as an OCI layout. The
// context has folders, by the names that they get there, and what is written
// beside them.
func buildDebian(ctx context.Context, o options, apt *aptCache, source string, folders map[string]string, layout string) error {
	work, err := os.MkdirTemp(o.cache, ".debian-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a left-over in a cache
	for name, dir := range folders {
		to := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := run(ctx, work, "cp", "--recursive", "--link", dir, to); err != nil {
			return err
		}
	}
	files := map[string]string{
		"Dockerfile": string(debianDockerfile),
		"cargo.toml": "[source.crates-io]\nreplace-with = \"debian\"\n\n[source.debian]\ndirectory = \"/usr/share/cargo/registry\"\n",
		// As the official image has it: no documentation, and no packages kept.
		"etc/common/dpkg/dpkg.cfg.d/slim": "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n",
		"etc/common/apt/apt.conf.d/slim":  "APT::Keep-Downloaded-Packages \"false\";\nAcquire::Languages \"none\";\n",
	}
	var platforms []string
	for arch, debian := range debianArch {
		platforms = append(platforms, "linux/"+arch)
		// The machine's apt has checked them when they were fetched.
		files["etc/"+arch+"/apt/sources.list"] = "deb [trusted=yes] " + source + filepath.Base(apt.folder(compilers(debian))) + " ./\n"
		if err := unpack(ctx, filepath.Join(work, "debs", arch), filepath.Join(work, "root", arch)); err != nil {
			return err
		}
	}
	for name, text := range files {
		path := filepath.Join(work, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	slices.Sort(platforms)
	selected, err := selectTools([]string{"docker-buildx"})
	if err != nil {
		return err
	}
	bin, err := o.toolbox().build(ctx, selected...)
	if err != nil {
		return err
	}
	b := &builder{buildx: filepath.Join(bin, "docker-buildx"), dir: o.dir, env: os.Environ()}
	return b.run(ctx, "build", "--builder", builderName, "--provenance=false", "--platform", strings.Join(platforms, ","),
		"--output", "type=oci,tar=false,dest="+layout, work)
}

// unpack writes the files of all packages of a folder into root, whose
// top-level folders are links into /usr as in every Debian.
func unpack(ctx context.Context, dir, root string) error {
	for _, name := range []string{"bin", "lib", "lib64", "sbin"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(root, "usr", name), 0o755), os.Symlink("usr/"+name, filepath.Join(root, name))); err != nil {
			return err
		}
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		files := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
		tar := exec.CommandContext(ctx, "tar", "--extract", "--keep-directory-symlink", "--directory", root)
		if tar.Stdin, err = files.StdoutPipe(); err != nil {
			return err
		}
		if err := files.Start(); err != nil {
			return err
		}
		if out, err := tar.CombinedOutput(); err != nil {
			return errors.Join(fmt.Errorf("unpack %q: %w\n%s", deb, err, out), files.Wait())
		}
		if err := files.Wait(); err != nil {
			return fmt.Errorf("unpack %q: %w", deb, err)
		}
	}
	return nil
}
