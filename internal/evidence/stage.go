package evidence

import (
	"context"
	"sync"

	"github.com/org/release-actions/internal/registry"
)

// staging uploads bundles to where they are lacking while others are signed still.
// Nothing refers to them before they are attached, and what goes wrong comes again
// there.
type staging struct {
	registry *registry.Client
	lacks    []lack
	running  sync.WaitGroup
}

// begin readies the repositories that lack a claim in the layout of bundles, and
// returns what takes its bundle, or why there is none.
func (s *staging) begin(ctx context.Context, claim int, layout Layout) func(content []byte, err error) {
	content := make(chan []byte, len(s.lacks))
	waiting := 0
	for _, l := range s.lacks {
		if l.claim == claim && l.layout == layout && layout == Referrer {
			waiting++
			s.running.Go(func() { s.registry.Stage(ctx, l.pinned(), content) })
		}
	}
	return func(text []byte, err error) {
		for range waiting {
			if err == nil {
				content <- text
			}
		}
		close(content)
	}
}
