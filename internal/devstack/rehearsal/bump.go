package rehearsal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Bump has the repository require a Go module, and Go itself, in the version that
// this project requires, in a commit of its own, and returns the module's. source is
// the checkout of this project.
func (s *Stage) Bump(ctx context.Context, source, module string) (version string, err error) {
	ours, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return "", err
	}
	sums, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return "", err
	}
	required := regexp.MustCompile(`(?m)^\t` + regexp.QuoteMeta(module) + ` (\S+)`)
	language := regexp.MustCompile(`(?m)^go \S+`)
	m := required.FindSubmatch(ours)
	if m == nil {
		return "", fmt.Errorf("this project doesn't require %s", module)
	}
	version = string(m[1])
	added := regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(module+" "+version)+`[ /].*\n`).FindAll(sums, -1)
	for file, edit := range map[string]func([]byte) []byte{
		"go.mod": func(text []byte) []byte {
			return required.ReplaceAll(language.ReplaceAll(text, language.Find(ours)), m[0])
		},
		"go.sum": func(text []byte) []byte { return append(text, bytes.Join(added, nil)...) },
	} {
		path := filepath.Join(s.Repo, file)
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(path, edit(text), 0o644); err != nil {
			return "", err
		}
	}
	if _, err := s.git(ctx, "commit", "-q", "-a", "-m", "Require "+module+" "+version); err != nil {
		return "", err
	}
	s.Commit, err = s.git(ctx, "rev-parse", "HEAD")
	return version, err
}
