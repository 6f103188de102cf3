package registries_test

import (
	"net/http"
	"slices"
	"sync"
)

// counter remembers requests.
type counter struct {
	mu       sync.Mutex
	requests []string // "METHOD path"
	// fault answers a request in the place of the registry, and reports whether it did.
	fault func(w http.ResponseWriter, r *http.Request) bool
}

func (c *counter) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.requests = append(c.requests, r.Method+" "+r.URL.Path)
		fault := c.fault
		c.mu.Unlock()
		if fault == nil || !fault(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

func (c *counter) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

func (c *counter) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}
