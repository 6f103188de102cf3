package transport

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// reportEvery is how often the log shows that something is still waited for.
const reportEvery = 30 * time.Second

// patience is the time that all requests of a round tripper may wait for
// servers that don't serve: where several wait at once it is spent once.
type patience struct {
	limit time.Duration
	log   *slog.Logger

	mu      sync.Mutex
	spent   time.Duration  // until the last wait ended
	since   time.Time      // when the current wait began
	waiting map[string]int // requests by host
	report  *time.Timer
}

// left returns how long may be waited still.
func (p *patience) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remaining()
}

func (p *patience) remaining() time.Duration {
	left := p.limit - p.spent
	if len(p.waiting) > 0 {
		left -= time.Since(p.since)
	}
	return left
}

// begin is called when a request to host failed for the first time.
func (p *patience) begin(host string, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.since = time.Now()
		p.report = time.AfterFunc(reportEvery, p.still)
	}
	if p.waiting[host] == 0 {
		p.log.Info("waiting for "+host, "cause", cause, "at-most", p.remaining().Round(time.Second))
	}
	p.waiting[host]++
}

// still tells what is waited for, until nothing is.
func (p *patience) still() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return
	}
	p.log.Info("still waiting for "+strings.Join(slices.Sorted(maps.Keys(p.waiting)), ", "), "at-most", p.remaining().Round(time.Second))
	p.report.Reset(reportEvery)
}

// end is called when a request that waited was answered, or given up.
func (p *patience) end(host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[host]--; p.waiting[host] == 0 {
		delete(p.waiting, host)
	}
	if len(p.waiting) == 0 {
		p.spent += time.Since(p.since)
		p.report.Stop()
	}
}
