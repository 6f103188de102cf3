package devstack

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// parts are the processes of a world, by name.
type parts struct {
	launcher *launcher
	logDir   string

	mu      sync.Mutex
	byName  map[string]*process
	stopped map[string]bool // on request, so that their absence is no fault
	order   []string        // in which they were started
}

// start starts a part and returns when it serves.
func (ps *parts) start(ctx context.Context, p *part) error {
	proc, err := ps.launcher.start(p, ps.logDir)
	if err != nil {
		return err
	}
	ps.mu.Lock()
	if _, again := ps.byName[p.name]; !again {
		ps.order = append(ps.order, p.name)
	}
	ps.byName[p.name] = proc
	delete(ps.stopped, p.name)
	ps.mu.Unlock()
	return proc.await(ctx)
}

// find returns the process of the named part.
func (ps *parts) find(name string) (*process, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if proc, ok := ps.byName[name]; ok {
		return proc, nil
	}
	return nil, fmt.Errorf("no part %q; there are %s", name, strings.Join(ps.order, ", "))
}

// stop stops the named part.
func (ps *parts) stop(name string) error {
	proc, err := ps.find(name)
	if err != nil {
		return err
	}
	ps.mu.Lock()
	ps.stopped[name] = true
	ps.mu.Unlock()
	proc.stop()
	return nil
}

// restart starts the named part again, unless it runs.
func (ps *parts) restart(ctx context.Context, name string) error {
	proc, err := ps.find(name)
	if err != nil {
		return err
	}
	return ps.ensure(ctx, proc.part)
}

// ensure starts a part, unless one of its name runs.
func (ps *parts) ensure(ctx context.Context, p *part) error {
	if proc, err := ps.find(p.name); err == nil && proc.running() {
		return nil
	}
	return ps.start(ctx, p)
}

// stopAll stops all parts, the last one started first.
func (ps *parts) stopAll() {
	ps.mu.Lock()
	order := ps.order
	ps.mu.Unlock()
	for i := len(order) - 1; i >= 0; i-- {
		_ = ps.stop(order[i]) // a part of order is always found
	}
}

// partStatus says how a part of the world is.
type partStatus struct {
	Name  string `json:"name"`
	PID   int    `json:"pid,omitempty"`
	State string `json:"state"`
}

// States of a part.
const (
	running = "running"
	stopped = "stopped" // on request
	ended   = "ended"   // by itself
)

func (ps *parts) status() []partStatus {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var all []partStatus
	for _, name := range ps.order {
		proc := ps.byName[name]
		s := partStatus{Name: name, State: ended}
		switch {
		case proc.running():
			s.State, s.PID = running, proc.cmd.Process.Pid
		case ps.stopped[name]:
			s.State = stopped
		}
		all = append(all, s)
	}
	return all
}
