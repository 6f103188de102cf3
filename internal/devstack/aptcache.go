package devstack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// aptCache keeps sets of packages, each a folder of .deb files that is complete
// once it is there. The machine's own apt and its sources bring them, for any
// architecture, with a state apart from the machine's.
type aptCache struct {
	dir     string
	log     io.Writer
	updated bool // the lists
}

// packageSet is what apt would bring to a system of one architecture.
type packageSet struct {
	name     string
	arch     string   // Debian's
	status   string   // dpkg's, of a system that has some packages; empty has none
	install  []string // with all that they depend on
	download []string // by themselves
}

// folder returns where the set is, or will be.
func (a *aptCache) folder(s packageSet) string {
	sum := sha256.Sum256(fmt.Append(nil, debianRelease, s.install, s.download))
	return filepath.Join(a.dir, s.name+"-"+hex.EncodeToString(sum[:])[:12])
}

// get returns the folder of the set, and fills it where there is none. use sees
// to what else belongs into it.
func (a *aptCache) get(ctx context.Context, s packageSet, use func(dir string) error) (dir string, err error) {
	dir = a.folder(s)
	if isDir(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(a.dir, ".fetching-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // renamed away when all went well
	fmt.Fprintf(a.log, "fetching Debian's packages for %s (first time only) ...\n", s.name)
	if err := a.fetch(ctx, s, tmp); err != nil {
		return "", err
	}
	if err := errors.Join(use(tmp), os.Chmod(tmp, 0o755)); err != nil {
		return "", err
	}
	return dir, os.Rename(tmp, dir)
}

func (a *aptCache) fetch(ctx context.Context, s packageSet, dir string) error {
	if err := checkRelease(); err != nil {
		return err
	}
	if s.status == "" {
		s.status = filepath.Join(a.dir, "state", "empty")
	}
	for _, d := range []string{filepath.Join(a.dir, "state", "lists", "partial"), filepath.Join(dir, "partial")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(a.dir, "state", "empty"), nil, 0o600); err != nil {
		return err
	}
	var updateErr error
	if !a.updated {
		// A list of a suite that nothing is taken from may be missing: that the packages can be had is what counts.
		updateErr, a.updated = a.apt(ctx, s, dir, "update"), true
	}
	if len(s.install) > 0 {
		if err := a.apt(ctx, s, dir, append([]string{"--download-only", "install"}, s.install...)...); err != nil {
			return errors.Join(err, updateErr)
		}
	}
	if len(s.download) > 0 {
		if err := a.apt(ctx, s, dir, append([]string{"download"}, s.download...)...); err != nil {
			return errors.Join(err, updateErr)
		}
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		plain := special.ReplaceAllString(filepath.Base(deb), "-")
		if err := os.Rename(deb, filepath.Join(dir, plain)); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(filepath.Join(dir, "partial")), os.RemoveAll(filepath.Join(dir, "lock")))
}

// special is what versions have in them and apt escapes in a URL, some twice.
var special = regexp.MustCompile(`%3a|[^A-Za-z0-9._-]`)

// checkRelease says early what apt would say as a version that isn't there.
func checkRelease() error {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Split(string(text), "\n"), "VERSION_CODENAME="+debianRelease) {
		return hint.New("debian:"+debianRelease+"-slim is made of the packages of this machine's archive, which is another release's",
			"run it on Debian %s", debianRelease)
	}
	return nil
}

// apt runs the machine's apt-get for a system that isn't the machine's.
func (a *aptCache) apt(ctx context.Context, s packageSet, dir string, args ...string) error {
	options := []string{"-q", "-y"}
	for _, o := range []string{
		"APT::Architecture=" + s.arch, "APT::Install-Recommends=false", "APT::Sandbox::User=root",
		"Acquire::Languages=none", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
		"Dir::State=" + filepath.Join(a.dir, "state"), "Dir::State::status=" + s.status,
		"Dir::Cache=" + filepath.Join(a.dir, "state"), "Dir::Cache::archives=" + dir,
	} {
		options = append(options, "-o", o)
	}
	for _, arch := range debianArch {
		options = append(options, "-o", "APT::Architectures::="+arch)
	}
	return run(ctx, dir, "apt-get", append(options, args...)...)
}

// controls returns what each package of a folder says of itself, followed by
// what more says of it, as dpkg and apt keep such records.
// https://www.debian.org/doc/debian-policy/ch-controlfields.html
func controls(ctx context.Context, dir string, more func(deb string) (string, error)) ([]byte, error) {
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, deb := range debs {
		control, err := exec.CommandContext(ctx, "dpkg-deb", "--field", deb).Output()
		if err != nil {
			return nil, fmt.Errorf("dpkg-deb --field %s: %w", deb, err)
		}
		fields, err := more(deb)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&all, "%s\n%s\n\n", bytes.TrimSpace(control), fields)
	}
	return all.Bytes(), nil
}

// writeStatus writes dpkg's status of a system that has the packages of dir.
func writeStatus(ctx context.Context, dir string) error {
	text, err := controls(ctx, dir, func(string) (string, error) { return "Status: install ok installed", nil })
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "status"), text, 0o644)
}

// writeIndex makes a repository of dir, as apt's sources name it with "./".
func writeIndex(ctx context.Context, dir string) error {
	text, err := controls(ctx, dir, func(deb string) (string, error) {
		content, err := os.ReadFile(deb)
		return fmt.Sprintf("Filename: ./%s\nSize: %d\nSHA256: %x", filepath.Base(deb), len(content), sha256.Sum256(content)), err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "Packages"), text, 0o644)
}
