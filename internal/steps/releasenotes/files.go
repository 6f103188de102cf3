package releasenotes

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

// collect finds the files that the patterns name, each once, and reads their
// sizes and digests. It reports every pattern that is wrong.
func collect(patterns []string) ([]ghapi.File, error) {
	var paths []string
	var errs []error
	for _, pattern := range patterns {
		found, err := match(pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("input \"files\": %w", err))
		}
		for _, path := range found {
			if path = filepath.Clean(path); !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
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
	return files, errors.Join(errs...)
}

// match returns the files of a pattern. One that is a file's very name is that
// file, whatever characters are in it.
func match(pattern string) ([]string, error) {
	if info, err := os.Stat(pattern); err == nil {
		if info.IsDir() {
			return nil, hint.Wrap(fmt.Errorf("%q is a directory", pattern), "write %q for all files in it", filepath.ToSlash(filepath.Join(pattern, "**")))
		}
		return []string{pattern}, nil
	}
	found, err := doublestar.FilepathGlob(pattern, doublestar.WithFilesOnly(), doublestar.WithFailOnIOErrors())
	switch {
	case errors.Is(err, doublestar.ErrBadPattern):
		return nil, hint.Wrap(fmt.Errorf("%q is not a pattern", pattern), "put a backslash in front of [ ] { } * ? in a file's name")
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, hint.Wrap(fmt.Errorf("no file matches %q", pattern), "paths start at the workspace; check that the step which makes the file has run")
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
		Digest: fmt.Sprintf("sha256:%x", hash.Sum(nil)), ContentType: mime.TypeByExtension(filepath.Ext(path)),
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
