package standin

import (
	"sync/atomic"
	"time"
)

// Clock is a clock that can be put forward and back. Its zero value is right.
type Clock struct{ ahead atomic.Int64 }

// Now returns the time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// SetAhead puts the clock ahead of the real time, or back where by is negative.
func (c *Clock) SetAhead(by time.Duration) { c.ahead.Store(int64(by)) }
