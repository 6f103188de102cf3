package parallel_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/org/release-actions/internal/parallel"
)

func TestEachDoesAllWithinTheBoundAndTellsEveryError(t *testing.T) {
	t.Parallel()
	items := make([]int, 50)
	for i := range items {
		items[i] = i
	}
	var running, peak, done atomic.Int32
	var first sync.WaitGroup // the first eight wait for each other: they must run at once
	first.Add(8)
	err := parallel.Each(items, func(n, item int) error {
		defer running.Add(-1)
		if now := running.Add(1); now > peak.Load() {
			peak.Store(now)
		}
		if n < 8 {
			first.Done()
			first.Wait()
		}
		if done.Add(1); n != item {
			t.Errorf("item %d has index %d", item, n)
		}
		if n%20 == 19 {
			return fmt.Errorf("item %d", n)
		}
		return nil
	})
	if done.Load() != 50 || peak.Load() > 8 {
		t.Errorf("%d calls, %d at once", done.Load(), peak.Load())
	}
	if err == nil || err.Error() != "item 19\nitem 39" {
		t.Errorf("error is %v", err)
	}
}
