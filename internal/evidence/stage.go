package evidence

import (
	"context"
	"sync"
)

// staging uploads bundles to where they are lacking while others are signed still.
// Nothing refers to them before they are attached, and what goes wrong comes again
// there.
type staging struct {
	Publisher
	lacks   []lack
	running map[place]*sync.WaitGroup
}

func (p Publisher) stage(lacks []lack) staging {
	s := staging{p, lacks, map[place]*sync.WaitGroup{}}
	for _, l := range lacks {
		s.running[l.place] = &sync.WaitGroup{}
	}
	return s
}

// begin readies the repositories that lack a claim's bundle, and returns what takes
// it, or the error that there is in its place.
func (s staging) begin(ctx context.Context, claim int) func(content []byte, err error) {
	content := make(chan []byte, len(s.lacks))
	waiting := 0
	for _, l := range s.lacks {
		if l.claim == claim && l.layout == Referrer {
			waiting++
			s.running[l.place].Go(func() {
				s.Signer.Prepare(ctx) // what all signatures wait for goes first
				s.Registry.Stage(ctx, l.pinned(), content)
			})
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

// wait ends when all is uploaded that goes to one place, or can't be.
func (s staging) wait(at place) { s.running[at].Wait() }

// end waits for everything.
func (s staging) end() {
	for at := range s.running {
		s.wait(at)
	}
}
