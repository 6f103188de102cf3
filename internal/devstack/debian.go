package devstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// debian fetches packages and unpacks them into a cache. It installs nothing.
type debian struct {
	cache string
	log   io.Writer
}

// fetch returns the folder that holds the files of the package. What was
// fetched once is used without asking the archive again.
func (d *debian) fetch(ctx context.Context, name string) (root string, err error) {
	// A version never holds an underscore, a package's name neither.
	if have, err := filepath.Glob(filepath.Join(d.cache, name+"_*")); err != nil {
		return "", err
	} else if len(have) > 0 {
		return have[len(have)-1], nil
	}
	for _, command := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(command); err != nil {
			return "", hint.Wrap(fmt.Errorf("package %s: no %s on this machine", name, command), "the local world takes %s from Debian or Ubuntu: run it there", name)
		}
	}
	if err := os.MkdirAll(d.cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(d.cache, ".fetching-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a left-over in a cache
	fmt.Fprintf(d.log, "fetching the package %s (first time only) ...\n", name)
	if err := d.download(ctx, name, tmp); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", errors.Join(err, fmt.Errorf("package %s: apt-get brought %d files, not one", name, len(debs)))
	}
	// NAME_VERSION_ARCH.deb
	root = filepath.Join(d.cache, strings.TrimSuffix(filepath.Base(debs[0]), ".deb"))
	unpacked := filepath.Join(tmp, "root")
	if err := run(ctx, tmp, "dpkg", "-x", debs[0], unpacked); err != nil {
		return "", err
	}
	return root, os.Rename(unpacked, root)
}

func (d *debian) download(ctx context.Context, name, dir string) error {
	// apt's own user can't write into a private folder, and says so at length.
	args := []string{"-q", "-o", "APT::Sandbox::User=root", "download", name}
	err := run(ctx, dir, "apt-get", args...)
	if err == nil {
		return nil
	}
	// No lists yet, as in a fresh container, or lists that are out of date.
	if updateErr := run(ctx, dir, "apt-get", "-q", "update"); updateErr != nil {
		return errors.Join(err, updateErr)
	}
	return run(ctx, dir, "apt-get", args...)
}

// program fetches packages in turn until one has one of the paths, and returns
// the path in the cache.
func (d *debian) program(ctx context.Context, path string, packages ...string) (string, error) {
	for _, name := range packages {
		root, err := d.fetch(ctx, name)
		if err != nil {
			return "", err
		}
		// Some packages call a program that is linked statically so in its name.
		for _, candidate := range []string{path, path + "-static"} {
			if file := filepath.Join(root, candidate); isFile(file) {
				return file, nil
			}
		}
	}
	return "", fmt.Errorf("no %s in the packages %s", path, strings.Join(packages, ", "))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// run runs a command whose output is of interest only when it fails.
func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
