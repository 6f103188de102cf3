package sbom

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sync/semaphore"
)

// memory bounds the images that are catalogued at once, by what they take.
type memory struct {
	total int64
	free  *semaphore.Weighted
}

// What an image takes: its tree of files and its packages, and what syft reads
// of them. Nothing tells before how many there are, but the layers' size bounds
// them well enough: docs/performance.md has the measurements.
const (
	imageMemory = 96 << 20 // for any image
	layerFactor = 3        // of its layers, as they are compressed
)

// estimate returns what an image takes whose layers have the size, in bytes.
func estimate(layers int64) int64 { return imageMemory + layerFactor*layers }

// newMemory returns the bound: half of what is available.
func newMemory() *memory {
	total := max(available("/proc/meminfo", "/sys/fs/cgroup")/2, imageMemory)
	return &memory{total, semaphore.NewWeighted(total)}
}

// acquire waits until there is as much. Whatever takes more than all runs alone.
func (m *memory) acquire(ctx context.Context, n int64) (release func(), err error) {
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
