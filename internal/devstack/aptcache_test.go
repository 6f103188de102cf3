package devstack

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

// writeDeb makes a package that holds files, and returns its folder.
func writeDeb(t *testing.T, control string, files ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	tree := filepath.Join(t.TempDir(), "tree")
	for _, file := range append(files, "DEBIAN/control") {
		path := filepath.Join(tree, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(control), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(t.Context(), dir, "dpkg-deb", "--root-owner-group", "--build", tree, "a_1_all.deb"); err != nil {
		t.Fatal(err)
	}
	return dir
}

const debControl = "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: a\n is a\n"

func TestFolderBecomesARepository(t *testing.T) {
	t.Parallel()
	dir := writeDeb(t, debControl)
	if err := errors.Join(writeIndex(t.Context(), dir), writeStatus(t.Context(), dir)); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"Packages": "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: a\n is a\nFilename: ./a_1_all.deb\nSize: ",
		"status":   "Description: a\n is a\nStatus: install ok installed\n\n",
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", file, err, text)
		}
	}
	// The judge of an index is apt.
	a := &aptCache{dir: t.TempDir(), log: t.Output()}
	to := filepath.Join(a.dir, "to")
	sources := filepath.Join(a.dir, "sources.list")
	lists := filepath.Join(a.dir, "state", "lists", "partial")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(to, "partial"), 0o755), os.MkdirAll(lists, 0o755),
		os.WriteFile(sources, []byte("deb [trusted=yes] file:"+dir+" ./\n"), 0o600),
		os.WriteFile(filepath.Join(a.dir, "empty"), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	set := packageSet{arch: "amd64", status: filepath.Join(a.dir, "empty")}
	for _, args := range [][]string{{"update"}, {"--download-only", "install", "a"}} {
		args = append([]string{"-o", "Dir::Etc::sourcelist=" + sources, "-o", "Dir::Etc::sourceparts=/dev/null"}, args...)
		if err := a.apt(t.Context(), set, to, args...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPackagesAreUnpackedIntoUsr(t *testing.T) {
	t.Parallel()
	dir := writeDeb(t, debControl, "bin/a", "lib/b")
	root := t.TempDir()
	if err := unpack(t.Context(), dir, root); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"usr/bin/a", "usr/lib/b", "bin/a"} {
		if !isFile(filepath.Join(root, file)) {
			t.Errorf("no %s", file)
		}
	}
}

func TestCompilersFitTheArchitecture(t *testing.T) {
	t.Parallel()
	for arch, debian := range debianArch {
		set := compilers(debian)
		cross := strings.Contains(strings.Join(set.install, " "), "-cross")
		if !slices.Contains(set.install, "rustc-web") || cross != (arch == runtime.GOARCH) || len(set.download) > 0 != cross {
			t.Errorf("%s: %+v", arch, set)
		}
		if slices.Contains(set.install, "libc6-dev-"+debian+"-cross") {
			t.Errorf("%s gets a cross compiler for itself", arch)
		}
	}
}

func TestSetsOfPackagesDiffer(t *testing.T) {
	t.Parallel()
	a := &aptCache{dir: "/cache"}
	one, other := a.folder(packageSet{name: "a", install: []string{"x"}}), a.folder(packageSet{name: "a", download: []string{"x"}})
	if one == other || filepath.Dir(one) != "/cache" || !strings.HasPrefix(filepath.Base(one), "a-") {
		t.Errorf("folders %q and %q", one, other)
	}
}

func TestCratesAreThoseOfTheLock(t *testing.T) {
	t.Parallel()
	dir := writeDeb(t, debControl, "usr/share/cargo/registry/log-0.4.17/src/lib.rs")
	if err := unpackCrates(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	a := &aptCache{dir: t.TempDir(), log: t.Output()}
	set := packageSet{name: "crates", download: []string{"librust-log-dev"}}
	if err := os.CopyFS(a.folder(set), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(t.TempDir(), "Cargo.lock")
	for _, test := range []struct{ version, want string }{
		{"0.4.17", `{"files":{},"package":"abc"}`},
		{"0.5.0", ""},
	} {
		text := "[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"log\"\nversion = \"" + test.version + "\"\nchecksum = \"abc\"\n"
		if err := os.WriteFile(lock, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := a.crates(t.Context(), lock)
		if test.want == "" {
			if err == nil || !strings.Contains(err.Error(), "log "+test.version) || len(hint.Of(err)) == 0 {
				t.Errorf("error %v, want one that names the crate and the mend", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(found, "log-0.4.17", ".cargo-checksum.json")); err != nil || string(got) != test.want {
			t.Errorf("checksum %s, %v", got, err)
		}
	}
	if err := os.WriteFile(lock, []byte("[["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.crates(t.Context(), lock); err == nil || !strings.Contains(err.Error(), lock) {
		t.Errorf("error %v, want one that names the file", err)
	}
}
