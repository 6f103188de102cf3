package standin

import (
	"slices"
	"sync"
)

// complaints collects errors that nobody waits for, each once.
type complaints struct {
	mu  sync.Mutex
	all []string
}

func (c *complaints) add(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text := err.Error(); !slices.Contains(c.all, text) {
		c.all = append(c.all, text)
	}
}

// list is never nil.
func (c *complaints) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.all...)
}
