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
	const full, modest = `{"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE","CAP_BPF"],"permitted":["CAP_BPF","CAP_CHOWN"]}`, `{"bounding":["CAP_CHOWN"],"permitted":["CAP_CHOWN"]}`
	script, config, process, said := filepath.Join(dir, "runc"), filepath.Join(dir, "bundle", "config.json"), filepath.Join(dir, "process"), filepath.Join(dir, "said")
	original := filepath.Join(dir, "original-runc")
	if err := os.Mkdir(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		script:   modestRunc(original, []string{"CAP_SYS_RESOURCE", "CAP_BPF"}),
		original: "#!/bin/sh\necho \"$@\" >>" + said + "\n",
		config:   full,
		process:  full,
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"--log", "x", "create", "--bundle", filepath.Dir(config), "id"}, {"exec", "--process", process, "id"}} {
		if out, err := exec.CommandContext(t.Context(), script, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for path, want := range map[string]string{
		config:  modest,
		process: modest,
		said:    "--log x create --bundle " + filepath.Dir(config) + " id\nexec --process " + process + " id\n",
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
