package sbom

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Label and Available are for tests.
var (
	Label     = label
	Available = available
)

// Acquire is acquire, for tests.
func (m *memory) Acquire(ctx context.Context, n int64) (func(), error) { return m.acquire(ctx, n) }

// NewMemory returns a bound of total bytes.
func NewMemory(total int64) *memory { return &memory{total, semaphore.NewWeighted(total)} }
