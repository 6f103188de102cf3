package devstack

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/org/release-actions/internal/devstack/openapi"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/hint"
)

// published is an API's description, as an npm package holds it.
type published struct {
	pkg    string // with its version
	sha512 string // of the package, as npm writes it in "integrity"
	file   string // in the package
}

// githubDescription is GitHub's of its REST API.
//
// https://github.com/octokit/openapi
var githubDescription = published{
	pkg:    "@octokit/openapi@23.0.2",
	sha512: "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
	file:   "package/generated/api.github.com.json",
}

// description returns the path of the part of GitHub's description that the
// stand-in answers by. It is fetched once, by npm and from where npm is told to.
func (o options) description(ctx context.Context) (string, error) {
	key := sha256.Sum256([]byte(githubDescription.sha512 + github.Described.String()))
	path := filepath.Join(o.cache, "descriptions", fmt.Sprintf("github-%x.json", key[:6]))
	if isFile(path) {
		return path, nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return "", hint.Wrap(fmt.Errorf("package %s: no npm on this machine", githubDescription.pkg), "install npm: it fetches GitHub's description of its API, which the stand-in is held against")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".fetching-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a left-over in a cache
	fmt.Fprintf(o.log, "fetching the package %s (first time only) ...\n", githubDescription.pkg)
	if err := run(ctx, tmp, "npm", "pack", "--silent", githubDescription.pkg); err != nil {
		return "", err
	}
	packed, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(packed) != 1 {
		return "", errors.Join(err, fmt.Errorf("package %s: npm brought %d files, not one", githubDescription.pkg, len(packed)))
	}
	text, err := githubDescription.unpack(packed[0])
	if err != nil {
		return "", err
	}
	if text, err = openapi.Reduce(text, github.Described); err != nil {
		return "", err
	}
	reduced := filepath.Join(tmp, "reduced")
	if err := os.WriteFile(reduced, text, 0o644); err != nil {
		return "", err
	}
	return path, os.Rename(reduced, path)
}

// unpack returns the description of a package that is the one that is pinned.
func (p published) unpack(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read from
	sum := sha512.New()
	if _, err := io.Copy(sum, file); err != nil {
		return nil, err
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != p.sha512 {
		return nil, fmt.Errorf("package %s is not what it was: its SHA-512 is %s, not %s", p.pkg, got, p.sha512)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if err != nil {
			return nil, fmt.Errorf("look for %s in the package %s: %w", p.file, p.pkg, err)
		}
		if header.Name == p.file {
			return io.ReadAll(files)
		}
	}
}
