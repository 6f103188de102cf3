//go:build e2e

package actions_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLauncherMountedFolders has folders that are full, read-only, or from which no
// program runs; it takes root to mount them.
func TestLauncherMountedFolders(t *testing.T) {
	t.Parallel()
	const full, readOnly, noexec = "size=64k", "ro", "noexec"
	for name, test := range map[string]struct {
		options []string // of the tool cache, the temporary folder and the home
		place   int      // which of them gets the program; -1 is none
		want    []string
	}{
		"a full tool cache":       {[]string{full}, 1, nil},
		"a read-only tool cache":  {[]string{readOnly}, 1, nil},
		"a tool cache of noexec":  {[]string{noexec}, 1, nil},
		"only the home is usable": {[]string{full, noexec}, 2, nil},
		"none is usable": {
			[]string{full, noexec, readOnly}, -1,
			[]string{"tried PLACE0/release-actions/", "tried PLACE1/release-actions/", "(noexec)", "/.cache/release-actions/", "Read-only file system", "make space"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			s.assets["steps_linux_amd64.gz"] = pack(t, "steps_linux_amd64", 200<<10)
			s.pin(t)
			places := append(s.places[:], filepath.Join(s.home, ".cache"))
			script := "set -e\n"
			for i, option := range test.options {
				if err := os.MkdirAll(places[i], 0o755); err != nil {
					t.Fatal(err)
				}
				script += "mount -t tmpfs -o " + option + " tmpfs " + places[i] + "\n"
			}
			cmd := exec.Command("bash", "-c", script+`"$0" sign || exit 1; for place in "$@"; do if [ -e "$place"/release-actions/*/steps ]; then echo "kept in $place"; fi; done`,
				filepath.Join(s.root, "actions/launch.sh"), places[0], places[1], places[2])
			cmd.Env = s.env
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
			text, err := cmd.CombinedOutput()
			out := string(text)
			if (err != nil) != (test.place < 0) || test.place >= 0 && !strings.Contains(out, "kept in "+places[test.place]+"\n") {
				t.Errorf("%v\n%s", err, out)
			}
			names := strings.NewReplacer("PLACE0", places[0], "PLACE1", places[1])
			for _, want := range test.want {
				if !strings.Contains(out, names.Replace(want)) {
					t.Errorf("output lacks %q:\n%s", names.Replace(want), out)
				}
			}
		})
	}
}
