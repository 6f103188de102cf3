package devstack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/org/release-actions/internal/hint"
)

// npm runs npm in dir. Where the machine has none, and is Debian's or Ubuntu's and
// root's, npm is installed first.
func (o options) npm(ctx context.Context, dir string, args ...string) error {
	if _, err := exec.LookPath("npm"); err != nil {
		if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
			return hint.New("no npm on this machine", "install npm: it fetches GitHub's descriptions of its API and of workflows, which tests are held against")
		}
		fmt.Fprintln(o.log, "installing npm (first time only) ...")
		install := []string{"-q", "-y", "install", "--no-install-recommends", "npm"}
		if err := run(ctx, dir, "apt-get", install...); err != nil {
			// There may be no list of packages yet.
			if updateErr := run(ctx, dir, "apt-get", "-q", "update"); updateErr != nil {
				return errors.Join(err, updateErr)
			}
			if err := run(ctx, dir, "apt-get", install...); err != nil {
				return err
			}
		}
	}
	return run(ctx, dir, "npm", args...)
}

// languageService returns the folder with the packages of GitHub's language
// service for workflows, and the program that has it look at files. They are
// fetched once, in the versions of the lock file.
//
// https://github.com/actions/languageservices
func (o options) languageService(ctx context.Context) (string, error) {
	source := filepath.Join(o.toolbox().sources, "languageservice")
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json", "validate.mjs"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		files[name] = text
		fmt.Fprintf(sum, "%s %x\n", name, sha256.Sum256(text))
	}
	dir := filepath.Join(o.cache, fmt.Sprintf("languageservice-%x", sum.Sum(nil)[:6]))
	if isFile(filepath.Join(dir, "validate.mjs")) {
		return dir, nil
	}
	if err := os.MkdirAll(o.cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(o.cache, ".fetching-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // renamed away when all went well
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(tmp, name), text, 0o644); err != nil {
			return "", err
		}
	}
	if err := o.npm(ctx, tmp, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		return "", err
	}
	// Where another process was faster, its result stays.
	if err := os.Rename(tmp, dir); err != nil && !isFile(filepath.Join(dir, "validate.mjs")) {
		return "", err
	}
	return dir, nil
}
