package trivy

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// Selection is the inputs that say what Trivy looks for, under the names that
// aquasecurity/trivy-action made known. Its zero value looks for vulnerabilities.
type Selection struct {
	Severities    []Severity `input:"severity,comma"`
	IgnoreUnfixed bool       `input:"ignore-unfixed"`
	Types         []string   `input:"vuln-type,comma"` // os, library
	Scanners      []string   `input:"scanners,comma"`  // vuln, secret, misconfig, license
	SkipDirs      []string   `input:"skip-dirs,comma"`
	SkipFiles     []string   `input:"skip-files,comma"`
	VEX           []string   `input:"vex"`          // files
	File          string     `input:"trivy-config"` // Trivy's own configuration
	// IgnoreFile is one file in the format of .trivyignore; none where "".
	IgnoreFile string
}

// Validate checks the names that Trivy takes.
func (s Selection) Validate() error {
	return errors.Join(
		oneOf("vuln-type", s.Types, "os", "library"),
		oneOf("scanners", s.Scanners, "vuln", "secret", "misconfig", "license"))
}

func oneOf(input string, values []string, known ...string) error {
	for _, v := range values {
		if !slices.Contains(known, v) {
			return hint.Wrap(fmt.Errorf("input %q: %q is nothing that Trivy looks for in an image", input, v), "write one or more of %s", strings.Join(known, ", "))
		}
	}
	return nil
}

// arguments are Trivy's flags for the selection.
// An SBOM has neither secrets nor configuration to look at.
//
// https://trivy.dev/v0.69/guide/references/configuration/cli/trivy_image/
func (s Selection) arguments(command string) []string {
	scanners := s.Scanners
	if len(scanners) == 0 {
		scanners = []string{"vuln"}
	}
	if command == "sbom" {
		scanners = slices.DeleteFunc(slices.Clone(scanners), func(name string) bool { return name != "vuln" && name != "license" })
	}
	args := []string{"--scanners", strings.Join(scanners, ",")}
	if len(s.Severities) > 0 {
		var names []string
		for _, severity := range s.Severities {
			names = append(names, severity.String())
		}
		args = append(args, "--severity", strings.Join(names, ","))
	}
	if s.IgnoreUnfixed {
		args = append(args, "--ignore-unfixed")
	}
	if len(s.Types) > 0 {
		args = append(args, "--pkg-types", strings.Join(s.Types, ","))
	}
	// Trivy runs in another directory than the step.
	files := func(flag string, paths ...string) {
		for _, path := range paths {
			if absolute, err := filepath.Abs(path); err == nil {
				path = absolute
			}
			args = append(args, flag, path)
		}
	}
	if command == "image" {
		for _, dir := range s.SkipDirs { // in the image
			args = append(args, "--skip-dirs", dir)
		}
		for _, file := range s.SkipFiles {
			args = append(args, "--skip-files", file)
		}
	}
	files("--vex", s.VEX...)
	if s.File != "" {
		files("--config", s.File)
	}
	if s.IgnoreFile != "" {
		files("--ignorefile", s.IgnoreFile)
	}
	return args
}
