package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/org/release-actions/internal/hint"
)

// crate is an entry of a Cargo.lock. Those without a checksum are the
// workspace's own.
type crate struct{ Name, Version, Checksum string }

// readLock returns what a Cargo.lock takes from elsewhere.
// https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html
func readLock(file string) ([]crate, error) {
	var lock struct {
		Package []crate `toml:"package"`
	}
	if _, err := toml.DecodeFile(file, &lock); err != nil {
		return nil, fmt.Errorf("read %q: %w", file, err)
	}
	return slices.DeleteFunc(lock.Package, func(c crate) bool { return c.Checksum == "" }), nil
}

// crates returns a folder that stands in for crates.io: what Debian has of the
// crates of a Cargo.lock, laid out as a source that is a directory.
// https://doc.rust-lang.org/cargo/reference/source-replacement.html#directory-sources
func (a *aptCache) crates(ctx context.Context, lock string) (dir string, err error) {
	all, err := readLock(lock)
	if err != nil {
		return "", err
	}
	set := packageSet{name: "crates", arch: debianArch["amd64"]}
	for _, c := range all {
		set.download = append(set.download, "librust-"+strings.ReplaceAll(c.Name, "_", "-")+"-dev")
	}
	dir, err = a.get(ctx, set, func(dir string) error { return unpackCrates(ctx, dir) })
	if err != nil {
		return "", err
	}
	for _, c := range all {
		// Packages don't hold the checksum of the original, which cargo compares with the lock's.
		source := filepath.Join(dir, c.Name+"-"+c.Version)
		if !isDir(source) {
			return "", hint.Wrap(fmt.Errorf("%q needs %s %s, which Debian's packages don't have", lock, c.Name, c.Version),
				"take the version that is in %q", dir)
		}
		text, err := json.Marshal(map[string]any{"package": c.Checksum, "files": map[string]string{}})
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(source, ".cargo-checksum.json"), text, 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// unpackCrates turns a folder of packages into one of their crates.
func unpackCrates(ctx context.Context, dir string) error {
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return err
	}
	tree := filepath.Join(dir, "tree")
	for _, deb := range debs {
		if err := errors.Join(run(ctx, dir, "dpkg-deb", "--extract", deb, tree), os.Remove(deb)); err != nil {
			return err
		}
	}
	sources, err := filepath.Glob(filepath.Join(tree, "usr", "share", "cargo", "registry", "*"))
	if err != nil {
		return err
	}
	for _, source := range sources {
		if err := os.Rename(source, filepath.Join(dir, filepath.Base(source))); err != nil {
			return err
		}
	}
	return os.RemoveAll(tree)
}
