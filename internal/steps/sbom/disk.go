package sbom

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/org/release-actions/internal/hint"
)

// errDisk is why a layer isn't unpacked any further.
var errDisk = errors.New("it unpacks to more than there is room for")

// disk bounds what layers unpack to, which nothing in a layer tells before.
type disk struct {
	room int64
	used atomic.Int64
}

// newDisk returns the bound for files in dir, or where room is zero a quarter
// of what is free there.
func newDisk(dir string, room int64) *disk {
	var stat unix.Statfs_t
	if room == 0 && unix.Statfs(dir, &stat) == nil {
		room = int64(stat.Bavail) * int64(stat.Bsize) / 4 //nolint:gosec // no disk has that many blocks; the size is of another type on macOS
	}
	return &disk{room: room}
}

// writer returns w, within the bound.
func (d *disk) writer(w io.Writer) io.Writer { return boundedWriter{w, d} }

type boundedWriter struct {
	io.Writer
	disk *disk
}

func (w boundedWriter) Write(p []byte) (int, error) {
	if w.disk.used.Add(int64(len(p))) > w.disk.room {
		return 0, hint.Wrap(fmt.Errorf("%w: %d MiB", errDisk, w.disk.room>>20),
			"free some of the disk that the runner's temporary directory is on, or see what makes the image so big")
	}
	return w.Writer.Write(p)
}

// remove removes a file that was written here.
func (d *disk) remove(path string) {
	if info, err := os.Stat(path); err == nil && os.Remove(path) == nil {
		d.used.Add(-info.Size())
	}
}
