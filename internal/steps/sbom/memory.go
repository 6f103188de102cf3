package sbom

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sync/semaphore"

	"github.com/org/release-actions/internal/hint"
)

// memory bounds the images that are catalogued at once, by what they take.
type memory struct {
	total int64
	free  *semaphore.Weighted
}

// What an image takes is decided by how many files it has, rather than by their
// size: syft holds a tree of them, and what packages say of each. These are
// the measurements in docs/performance.md, rounded up.
const (
	imageMemory = 96 << 20 // with its packages and documents
	fileMemory  = 4 << 10
)

// newMemory returns the bound: half of what is available.
func newMemory() *memory {
	total := max(available("/proc/meminfo", "/sys/fs/cgroup")/2, imageMemory)
	return &memory{total, semaphore.NewWeighted(total)}
}

// acquire waits until there is memory for an image with so many files. What
// takes more than half of all is read alone, and what takes more is refused.
func (m *memory) acquire(ctx context.Context, files int64) (release func(), err error) {
	n := imageMemory + files*fileMemory
	if n > 2*m.total {
		return nil, hint.Wrap(fmt.Errorf("its %d files take about %d MiB of memory, and there are %d", files, n>>20, 2*m.total>>20),
			"run the step where there is more memory")
	}
	n = min(n, m.total)
	if err := m.free.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { m.free.Release(n) }, nil
}

// available returns how much memory the process may take, in bytes: what the
// machine has left, or less where its control group is bounded.
//
// https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
func available(meminfo, cgroup string) int64 {
	bytes := int64(4 << 30) // where there is no such file
	if file, err := os.Open(meminfo); err == nil {
		defer func() { _ = file.Close() }() // it was only read
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "MemAvailable:" {
				if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
					bytes = kib << 10
				}
			}
		}
	}
	limit, err := readNumber(cgroup + "/memory.max")
	if err != nil {
		return bytes
	}
	used, err := readNumber(cgroup + "/memory.current")
	if err != nil {
		return bytes
	}
	return min(bytes, limit-used)
}

func readNumber(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}
