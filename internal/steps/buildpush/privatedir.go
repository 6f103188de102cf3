package buildpush

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/org/release-actions/internal/registry"
)

// privatePrefix starts the names of private directories that are locked by
// their process for as long as it lives.
const privatePrefix = "release-actions-build-"

// privateDir is a directory for what nobody else may read. Its process holds a
// lock on it: a directory that isn't locked was left by a run that was killed.
type privateDir struct {
	path string
	lock *os.File
}

// newPrivateDir makes one in parent, and removes those that were left there,
// after tidy has ended what they tell of.
func newPrivateDir(parent string, log *slog.Logger, tidy func(path string)) (*privateDir, error) {
	if err := sweep(parent, log, tidy); err != nil {
		return nil, err
	}
	// It gets a name that is swept only once it is locked.
	fresh, err := os.MkdirTemp(parent, "."+privatePrefix)
	if err != nil {
		return nil, fmt.Errorf("make a private directory: %w", err)
	}
	path := filepath.Join(parent, strings.TrimPrefix(filepath.Base(fresh), "."))
	lock, err := lockDir(fresh)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock a private directory: %w", err), os.Remove(fresh))
	}
	return &privateDir{path: path, lock: lock}, nil
}

// Close removes the directory.
func (p *privateDir) Close() error {
	return errors.Join(os.RemoveAll(p.path), p.lock.Close())
}

func sweep(parent string, log *slog.Logger, tidy func(path string)) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return fmt.Errorf("read the directory for temporary files: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), privatePrefix) {
			continue
		}
		left := &privateDir{path: filepath.Join(parent, entry.Name())}
		if left.lock, err = lockDir(left.path); err != nil {
			continue // in use, or another user's
		}
		tidy(left.path)
		if err := left.Close(); err != nil {
			return fmt.Errorf("remove what a killed run left: %w", err)
		}
		log.Info("removed what a killed run left", "directory", left.path)
	}
	return nil
}

// lockDir locks a directory, or fails at once where it is locked.
func lockDir(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// writeDockerConfig makes dir a docker configuration with c's logins. All else
// is as in the original: builders, contexts and plugins are found through links.
func writeDockerConfig(dir, original string, c registry.Credentials) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	original, err := filepath.Abs(original)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(original)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read docker's configuration: %w", err)
	}
	var existing []byte
	for _, entry := range entries {
		path := filepath.Join(original, entry.Name())
		if entry.Name() != "config.json" {
			err = os.Symlink(path, filepath.Join(dir, entry.Name()))
		} else if existing, err = os.ReadFile(path); err != nil {
			err = fmt.Errorf("read docker's configuration: %w", err)
		}
		if err != nil {
			return err
		}
	}
	config, err := registry.DockerConfig(c, existing)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600) //nolint:gosec // in our own directory
}
