package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// Build holds the inputs of the build that say where it starts.
type Build struct {
	Context string `input:"context"`
	File    string `input:"file"`
	Target  string `input:"target"`
	// Digests are of images that were built elsewhere: then nothing is built.
	Digests []string `input:"digests"`
}

// fetched is a context or a Dockerfile that BuildKit fetches by itself.
//
// https://docs.docker.com/build/concepts/context/
var fetched = regexp.MustCompile(`://|^git@|^github\.com/|\{\{\{?\s*defaultContext`)

// build is what a build needs to start.
func (p *plan) build() []check {
	if p.Push && len(p.Build.Digests) > 0 {
		return nil
	}
	return []check{{name: "the Dockerfile", find: func(context.Context) error { return p.Build.check() }}}
}

// check sees to it that the Dockerfile is there, and warns where no stage of it
// seems to be the target: that is BuildKit's to decide.
func (b Build) check() error {
	if fetched.MatchString(b.Context) || fetched.MatchString(b.File) {
		return nil
	}
	if info, err := os.Stat(b.Context); err != nil || !info.IsDir() {
		return hint.Wrap(fmt.Errorf("input \"context\": there is no directory %q", b.Context),
			"check the repository out before, as by \"- uses: actions/checkout@v4\", and name a directory from there")
	}
	file, text, err := b.dockerfile()
	if errors.Is(err, fs.ErrNotExist) {
		return hint.Wrap(fmt.Errorf("there is no Dockerfile %q", file),
			"check the repository out before, as by \"- uses: actions/checkout@v4\"; or name the Dockerfile in \"file\"")
	}
	if err != nil {
		return undecided{err}
	}
	if b.Target == "" || hasStage(text, b.Target) {
		return nil
	}
	return undecided{hint.Wrap(fmt.Errorf("input \"target\": no line of %q names a stage %q", file, b.Target), "write a line \"FROM … AS %s\"", b.Target)}
}

// dockerfile reads it: the one that is given, or the context's, whose name may
// be in lower case.
func (b Build) dockerfile() (file, text string, err error) {
	files := []string{b.File}
	if b.File == "" {
		files = []string{filepath.Join(b.Context, "Dockerfile"), filepath.Join(b.Context, "dockerfile")}
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, string(content), err
		}
	}
	return files[0], "", fs.ErrNotExist
}

var stage = regexp.MustCompile(`(?im)^[ \t]*FROM[ \t].*[ \t]AS[ \t]+(\S+)[ \t\r]*$`)

// hasStage reports whether a FROM line names the stage. A number is a stage, too.
func hasStage(dockerfile, target string) bool {
	for _, m := range stage.FindAllStringSubmatch(dockerfile, -1) {
		if strings.EqualFold(m[1], target) {
			return true
		}
	}
	return strings.Trim(target, "0123456789") == ""
}
