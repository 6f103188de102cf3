// Package summary makes one page of what the steps of a run did: what was
// published where, how it went, how long it took, and each step's own part.
package summary

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/org/release-actions/internal/runlog"
)

// Config is the step's inputs.
type Config struct {
	Runlog string `input:"runlog,required"` // the file that the other steps wrote to
}

// Deps is what the step works with.
type Deps struct{ Log *slog.Logger }

// Result is the page.
type Result struct{ entries []runlog.Entry }

// Run reads the run's log, and removes it, so that another run of the same job
// starts with none. A page that can't be made fails no release.
func Run(cfg Config, d Deps) (Result, error) {
	f, err := os.Open(cfg.Runlog)
	if errors.Is(err, fs.ErrNotExist) {
		d.Log.Warn("no step has left a word", "runlog", cfg.Runlog)
		return Result{}, nil
	}
	var entries []runlog.Entry
	if err == nil {
		entries, err = runlog.Read(f)
		err = errors.Join(err, f.Close(), os.Remove(cfg.Runlog))
	}
	if err != nil {
		d.Log.Warn("the page about the run is not complete", "cause", fmt.Sprint(err))
	}
	return Result{entries}, nil
}
