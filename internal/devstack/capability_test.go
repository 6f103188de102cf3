package devstack

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestModestRuncTakesCapabilitiesOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script, config, said := filepath.Join(dir, "runc"), filepath.Join(dir, "bundle", "config.json"), filepath.Join(dir, "said")
	real := filepath.Join(dir, "real-runc")
	if err := os.Mkdir(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		script: modestRunc(real, []string{"CAP_SYS_RESOURCE", "CAP_BPF"}),
		real:   "#!/bin/sh\necho \"$@\" >" + said + "\n",
		config: `{"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE","CAP_BPF"],"permitted":["CAP_BPF","CAP_CHOWN"]}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), script, "--log", "x", "create", "--bundle", filepath.Dir(config), "id").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for path, want := range map[string]string{
		config: `{"bounding":["CAP_CHOWN"],"permitted":["CAP_CHOWN"]}`,
		said:   "--log x create --bundle " + filepath.Dir(config) + " id\n",
	} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestWithheldCapabilitiesHaveNames(t *testing.T) {
	t.Parallel()
	withheld, err := withheldCapabilities()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(withheld, "CAP_CHOWN") {
		t.Errorf("withheld: %v", withheld)
	}
}
