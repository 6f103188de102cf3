package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestScannerDescribesEachFileSystem(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source, extras, destination := filepath.Join(dir, "core", "sbom"), filepath.Join(dir, "extras"), filepath.Join(dir, "out")
	for _, folder := range []string{filepath.Join(source, "bin"), filepath.Join(extras, "sbom-base"), destination} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(source, "bin", "tests"), content, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), source, extras, destination); err != nil {
		t.Fatal(err)
	}
	for file, wanted := range map[string]bool{"sbom.spdx.json": true, "sbom-base.spdx.json": false} {
		text, err := os.ReadFile(filepath.Join(destination, file))
		if err != nil {
			t.Fatal(err)
		}
		var statement struct {
			PredicateType string
			Predicate     struct {
				Packages []struct{ Name string }
			}
		}
		if err := json.Unmarshal(text, &statement); err != nil {
			t.Fatal(err)
		}
		if statement.PredicateType != "https://spdx.dev/Document" {
			t.Errorf("%s: predicate type %q", file, statement.PredicateType)
		}
		found := slices.ContainsFunc(statement.Predicate.Packages, func(p struct{ Name string }) bool { return p.Name == "github.com/anchore/syft" })
		if found != wanted {
			t.Errorf("%s names the library that the program is built with: %t, want %t", file, found, wanted)
		}
	}
}

func TestScannerNeedsItsVariables(t *testing.T) {
	t.Parallel()
	for _, args := range [][2]string{{"", "/out"}, {"/src", ""}} {
		if err := run(t.Context(), args[0], "", args[1]); err == nil {
			t.Errorf("source %q, destination %q: no error", args[0], args[1])
		}
	}
}

func TestScannerWithoutExtras(t *testing.T) {
	t.Parallel()
	destination := t.TempDir()
	if err := run(t.Context(), t.TempDir(), filepath.Join(destination, "absent"), destination); err != nil {
		t.Error(err)
	}
}
