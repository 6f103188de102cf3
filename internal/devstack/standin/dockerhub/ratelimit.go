package dockerhub

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// rateLimit counts requests, minute by minute.
//
// https://docs.docker.com/reference/api/hub/latest/#tag/rate-limiting
type rateLimit struct {
	perMinute int

	mu     sync.Mutex
	reset  time.Time
	served int
}

// allows tells the limit in the answer's header; it answers and returns false
// if the limit is reached.
func (l *rateLimit) allows(w http.ResponseWriter, now time.Time) bool {
	if l.perMinute == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !now.Before(l.reset) {
		l.reset, l.served = now.Truncate(time.Second).Add(time.Minute), 0
	}
	reset := strconv.FormatInt(l.reset.Unix(), 10)
	if l.served == l.perMinute {
		w.Header().Set("X-Retry-After", reset)
		fail(w, http.StatusTooManyRequests, "Rate limit exceeded")
		return false
	}
	l.served++
	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(l.perMinute))
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(l.perMinute-l.served))
	w.Header().Set("X-RateLimit-Reset", reset)
	return true
}
