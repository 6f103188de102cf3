package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action/actiontest"
)

// peer are the inputs of docker/build-push-action v6, with the defaults that
// they have there.
var peer = []struct{ name, def string }{
	{"add-hosts", ""}, {"allow", ""}, {"annotations", ""}, {"attests", ""}, {"build-args", ""}, {"build-contexts", ""},
	{"builder", ""}, {"cache-from", ""}, {"cache-to", ""}, {"call", ""}, {"cgroup-parent", ""}, {"context", ""}, {"file", ""},
	{"github-token", "${{ github.token }}"}, {"labels", ""}, {"load", "false"}, {"network", ""}, {"no-cache", "false"},
	{"no-cache-filters", ""}, {"outputs", ""}, {"platforms", ""}, {"provenance", ""}, {"pull", "false"}, {"push", "false"},
	{"sbom", ""}, {"secret-envs", ""}, {"secret-files", ""}, {"secrets", ""}, {"shm-size", ""}, {"ssh", ""}, {"tags", ""},
	{"target", ""}, {"ulimit", ""},
}

// differs says where an input means more, or something else, here.
var differs = map[string]string{
	"builder":      "without it one is made that can do it, and removed",
	"cache-from":   "`type=gha` without `scope` has one for the image and its platforms",
	"cache-to":     "`type=gha` without `scope` has one for the image and its platforms",
	"github-token": "logs in to ghcr.io as well",
	"provenance":   "SLSA v1 unless parameters are given",
	"push":         "`true` where `images` are given",
	"secret-envs":  "a variable that isn't set is an error, not a warning",
	"secret-files": "a file that isn't there is an error, not a warning",
	"secrets":      "an empty value is an error, not a warning",
	"tags":         "not together with `images`",
}

// shown are tests that show an input beside those that are found by its name.
var shown = map[string][]string{
	"builder":      {"TestWhichBuilderIsUsed", "TestSelectedBuilderIsUsedAndKept"},
	"github-token": {"TestCommitOfTheRun"},
	"secrets":      {"TestSecretsReachTheBuildAndNoArgument"},
	"context":      {"TestCommitOfTheRun"},
	"push":         {"TestImageThatIsNotPushedGoesIntoALayout", "TestTagsArePushedAsThePeerDoes"},
	"call":         {"TestBuildsThatMakeNoImage"},
}

// TestParity writes the table of docs/build-push.md: every input of the peer,
// what is its own here, and the tests that show it.
func TestParity(t *testing.T) {
	t.Parallel()
	contract := actiontest.Load(t, "action.yml")
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	commands := read("../../internal/steps/buildpush/testdata/commands.txt")
	builds := read("../../internal/devstack/rehearsal/inputs_test.go")
	var table strings.Builder
	table.WriteString("| input | default there | default here | what is different | shown by |\n|---|---|---|---|---|\n")
	for _, p := range peer {
		param, ok := contract.Inputs.Get(p.name)
		if !ok {
			t.Errorf("the peer's input %q is missing", p.name)
		}
		if param.Default != p.def && differs[p.name] == "" {
			t.Errorf("input %q has the default %q, and %q there", p.name, param.Default, p.def)
		}
		tests := slices.Clone(shown[p.name])
		if strings.Contains(commands, "== "+p.name+"\n") {
			tests = append(tests, "TestCommandLine")
		}
		if strings.Contains(builds, fmt.Sprintf("{input: %q,", p.name)) {
			tests = append(tests, "TestBuildInputs/"+p.name)
		}
		if len(tests) == 0 {
			t.Errorf("no test shows input %q", p.name)
		}
		for i, test := range tests {
			tests[i] = "`" + test + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", p.name, code(p.def), code(param.Default), differs[p.name], strings.Join(tests, ", "))
	}
	if len(peer) != 33 {
		t.Errorf("the peer has 33 inputs, not %d", len(peer))
	}
	actiontest.Block(t, "../../docs/build-push.md", "parity", table.String())
}

// TestShownTestsExist keeps the table from naming a test that is gone.
func TestShownTestsExist(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	sources, err := filepath.Glob("../../internal/steps/buildpush/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	builders, err := filepath.Glob("../../internal/steps/buildpush/builder/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range append(sources, builders...) {
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(content)
	}
	for name, tests := range shown {
		for _, test := range tests {
			if !regexp.MustCompile(`(?m)^func ` + test + `\(`).MatchString(text.String()) {
				t.Errorf("input %q is shown by %s, which there isn't", name, test)
			}
		}
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
