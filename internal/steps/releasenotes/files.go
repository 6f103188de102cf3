package releasenotes

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

// errUnmatched is the kind of errors of a pattern that names no file.
var errUnmatched = errors.New("no file matches")

// collect finds the files that the patterns name, each once, and reads their
// sizes and digests. It reports every pattern that is wrong.
func (c Config) collect(d Deps) ([]ghapi.File, error) {
	var paths []string
	var errs []error
	add := func(path string) {
		if path = filepath.Clean(path); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	for _, pattern := range c.Files {
		found, err := match(pattern, c.WorkingDir, d.Home)
		switch {
		case errors.Is(err, errUnmatched) && !c.FailUnmatched:
			d.Log.Warn("left out of the files", "cause", err)
		case err != nil:
			errs = append(errs, fmt.Errorf("input \"files\": %w", err))
		}
		for _, path := range found {
			add(path)
		}
	}
	for _, path := range c.Bundles {
		add(path)
	}
	if c.Changes != "" {
		add(c.Changes)
	}
	var files []ghapi.File
	names := map[string]string{} // paths by name in lower case, for GitHub ignores case here
	for _, path := range paths {
		file, err := describe(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("input \"files\": %w", err))
			continue
		}
		key := strings.ToLower(file.Name)
		if other, taken := names[key]; taken {
			errs = append(errs, hint.Wrap(fmt.Errorf("input \"files\": %q and %q would both be the asset %q", other, path, file.Name), "rename one of them"))
		}
		names[key] = path
		files = append(files, file)
	}
	if err := errors.Join(errs...); err != nil || !c.Checksums {
		return files, err
	}
	return withChecksums(files)
}

// meta are the characters that mean something in a pattern.
var meta = regexp.MustCompile(`[\\\[\]{}*?]`)

// extended is what doublestar takes as it is written: +(a|b).
var extended = regexp.MustCompile(`[+@!?*]\(`)

// match returns the files of a pattern, which starts at dir, or at home with "~".
// One that is a file's very name is that file, whatever characters are in it.
func match(pattern, dir, home string) ([]string, error) {
	if rest, ok := strings.CutPrefix(pattern, "~/"); ok && home != "" {
		pattern, dir = rest, home
	}
	path, full := pattern, pattern
	if !filepath.IsAbs(pattern) {
		path = filepath.Join(dir, pattern)
		full = filepath.Join(meta.ReplaceAllString(dir, `\$0`), pattern)
	}
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return nil, hint.Wrap(fmt.Errorf("%w %q, which is a directory", errUnmatched, pattern), "write %q for all files in it", filepath.ToSlash(filepath.Join(pattern, "**")))
		}
		return []string{path}, nil
	}
	found, err := doublestar.FilepathGlob(full, doublestar.WithFilesOnly(), doublestar.WithFailOnIOErrors())
	switch {
	case errors.Is(err, doublestar.ErrBadPattern):
		return nil, hint.Wrap(fmt.Errorf("%q is not a pattern", pattern), "put a backslash in front of [ ] { } * ? in a file's name")
	case err != nil:
		return nil, err
	case len(found) == 0 && extended.MatchString(pattern):
		return nil, hint.Wrap(fmt.Errorf("%w %q, which is an extended pattern of shells", errUnmatched, pattern), "write {a,b} for one of several, or one pattern a line")
	case len(found) == 0:
		return nil, hint.Wrap(fmt.Errorf("%w %q", errUnmatched, pattern), "paths start at \"working-directory\", by default the workspace; check that the step which makes the file has run")
	}
	slices.Sort(found)
	return found, nil
}

func describe(path string) (file ghapi.File, err error) {
	f, err := os.Open(path)
	if err != nil {
		return ghapi.File{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	if err != nil {
		return ghapi.File{}, err
	}
	base := filepath.Base(path)
	file = ghapi.File{
		Path: path, Name: ghapi.AssetName(base), Size: size,
		Digest: fmt.Sprintf("sha256:%x", hash.Sum(nil)), ContentType: contentType(path),
	}
	if file.Name != base {
		file.Label = base
	}
	switch {
	case size == 0:
		return ghapi.File{}, hint.Wrap(fmt.Errorf("%q is empty, which GitHub refuses", path), "check the step that makes the file")
	case file.Name == "":
		return ghapi.File{}, fmt.Errorf("%q has no name that an asset may have", path)
	}
	return file, nil
}
