package devstack

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCacheServesOneWorld(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	lock, err := lockCache(cache, "/one")
	if err != nil || lock == nil {
		t.Fatalf("lock %v, %v", lock, err)
	}
	if again, err := lockCache(cache, "/one"); again != nil || err != nil {
		t.Errorf("the same world: %v, %v; want neither", again, err)
	}
	if _, err := lockCache(cache, "/two"); !errors.Is(err, errElsewhere) || !strings.Contains(err.Error(), "/one") {
		t.Errorf("another world: %v, want where the one runs", err)
	}
	if other, err := awaitLock(t.Context(), cache, "/two"); other != nil || err != nil {
		t.Errorf("waiting for another world's end: %v, %v; want neither", other, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := awaitLock(ctx, cache, "/one"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a world that doesn't end: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	next, err := awaitLock(t.Context(), cache, "/two")
	if err != nil || next == nil {
		t.Fatalf("after its end: %v, %v", next, err)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
}
