package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/org/release-actions/internal/hint"
)

// errElsewhere says that the one world of a cache runs in another folder.
var errElsewhere = errors.New("a world runs elsewhere")

// lockCache takes the lock of the one world that a cache serves: BuildKit's
// layers and the kernel's handlers are shared by all. It returns nil where the
// world of dir holds the lock, and errElsewhere where another does. The kernel
// frees the lock when the last process that has the file open ends.
func lockCache(cache, dir string) (*os.File, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "world.lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return lock, errors.Join(lock.Truncate(0), writeAt(lock, dir))
	}
	defer lock.Close() //nolint:errcheck // not ours
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock %q: %w", lock.Name(), err)
	}
	holder, err := io.ReadAll(lock)
	if err != nil || string(holder) == dir {
		return nil, err
	}
	return nil, hint.Wrap(fmt.Errorf("%w: in %q", errElsewhere, holder), "stop that one with devstack down -dir %q", strings.TrimSpace(string(holder)))
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// awaitLock is lockCache for one who waits until the world of dir has ended.
// It returns nil when a world elsewhere has the lock.
func awaitLock(ctx context.Context, cache, dir string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		lock, err := lockCache(cache, dir)
		if errors.Is(err, errElsewhere) {
			return nil, nil
		}
		if err != nil || lock != nil {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the world in %q doesn't end: %w", dir, ctx.Err())
		case <-time.After(readyPause):
		}
	}
}
