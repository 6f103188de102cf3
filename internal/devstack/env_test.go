package devstack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEnvFileGivesAShellWhatWasWritten(t *testing.T) {
	t.Parallel()
	vars := []variable{
		{"PLAIN", "a"},
		{"QUOTED", `it's "$HOME" and \back` + "`tick`"},
		{"EMPTY", ""},
		{"SPACED", "  two  words  "},
	}
	file := filepath.Join(t.TempDir(), "env")
	if err := writeEnv(file, vars, "/some where/bin"); err != nil {
		t.Fatal(err)
	}
	for _, v := range append(vars, variable{"PATH", "/some where/bin:/usr/bin:/bin"}) {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `. "$0"; printf %s "$`+v.name+`"`, file)
		cmd.Env = []string{"PATH=/usr/bin:/bin"}
		got, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != v.value {
			t.Errorf("%s = %q, want %q", v.name, got, v.value)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o: others can read the credentials", info.Mode().Perm())
	}
}

func TestEnvFileRefusesALineBreakWithoutShowingTheValue(t *testing.T) {
	t.Parallel()
	_, err := formatEnv([]variable{{"TOKEN", "hidden\nvalue"}}, "/bin")
	if err == nil || !strings.Contains(err.Error(), "TOKEN") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("error %v, want one that names the variable and not its value", err)
	}
}
