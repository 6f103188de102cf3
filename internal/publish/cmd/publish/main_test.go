package main

import (
	"bytes"
	"slices"
	"testing"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/publish"
)

// TestInputs holds inputs.yml against the config.
func TestInputs(t *testing.T) {
	t.Parallel()
	described, err := action.ParseContract(contract)
	if err != nil {
		t.Fatal(err)
	}
	var config publish.Config
	var want, got []string
	for _, input := range action.Inputs(&config) {
		want = append(want, input.Name)
	}
	for _, param := range described.Inputs {
		got = append(got, param.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("inputs.yml has %v, the config %v", got, want)
	}
}

func TestBadVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "1.2.3", "v1.2", "v1.2.3+x"} {
		var out bytes.Buffer
		p := action.Process{Args: []string{"-version", version}, Getenv: func(string) string { return "" }, Environ: func() []string { return nil }, Stdout: &out, Stderr: &out}
		if code := action.Run(t.Context(), "publish", contract, p, run); code != 1 || !bytes.Contains(out.Bytes(), []byte(`"version"`)) || !bytes.Contains(out.Bytes(), []byte("hint: ")) {
			t.Errorf("%q: exit %d: %s", version, code, &out)
		}
	}
}
