// Package action is a step's edge to the runner: it decodes inputs, masks
// secrets, writes outputs and the step summary, prints errors with their mends,
// and turns signals into a cancelled context. It is the only reader of the
// environment and the only place that exits.
//
// A step runs outside of Actions as well: each input is also a flag, and
// instead of workflow commands it prints plain text.
package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/runlog"
)

// Exit codes of a step: whatever goes wrong, a bad input included, it failed.
// A config with a method ExitCode tells kinds of failures apart.
const (
	exitOK     = 0
	exitFailed = 1
)

func exitCode(config any, err error) int {
	if c, ok := config.(interface{ ExitCode(error) int }); ok {
		return c.ExitCode(err)
	}
	return exitFailed
}

// Process is what a step gets from the operating system.
type Process struct {
	Args           []string // without the program's name
	Getenv         func(string) string
	Environ        func() []string // all variables; none where nil
	Stdout, Stderr io.Writer
}

// Main runs a step as a program: contract is its action.yml, run its wiring.
// It doesn't return.
func Main[C, R any](name string, contract []byte, run func(context.Context, *Runtime, C) (R, error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, name, contract, Process{Args: os.Args[1:], Getenv: os.Getenv, Environ: os.Environ, Stdout: os.Stdout, Stderr: os.Stderr}, run)
	stop()
	os.Exit(code)
}

// Run is Main for a given process; it returns the exit code.
func Run[C, R any](ctx context.Context, name string, contract []byte, p Process, run func(context.Context, *Runtime, C) (R, error)) int {
	rt, flush := newRuntime(name, p)
	defer flush()
	start := time.Now()
	var config C
	err := decode(&config, name, contract, p, rt)
	if errors.Is(err, errHelp) {
		return exitOK
	}
	// Even a configuration that is refused may be quoted in what follows.
	rt.mask(secrets(&config)...)
	if err != nil {
		err = errors.Join(err, rt.log(runlog.Entry{Start: start, Error: err.Error()}))
		rt.fail(err)
		return exitCode(&config, err)
	}
	result, err := run(ctx, rt, config)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = hint.Wrap(fmt.Errorf("cancelled: %w", err), "run it again: what is done is found and kept")
	}
	// Outputs are written after a failure, too: a scan that refuses still has counts.
	err = errors.Join(err, rt.publish(&result, start, err))
	if err != nil {
		rt.fail(err)
		return exitCode(&config, err)
	}
	return exitOK
}

// fail prints err and its mends.
func (rt *Runtime) fail(err error) {
	text := err.Error()
	for _, h := range hint.Of(err) {
		text += "\nhint: " + h
	}
	rt.printMu.Lock()
	defer rt.printMu.Unlock()
	if rt.commands != nil {
		rt.commands.WithFieldsMap(map[string]string{"title": rt.name}).Errorf("%s", text)
		return
	}
	_, _ = fmt.Fprintf(rt.stderr, "%s: %s\n", rt.name, text) // there is nowhere left to say that this failed
}

// publish writes a step's outputs, variables and summary to where the runner
// says, and what it prints to standard output.
func (rt *Runtime) publish(result any, start time.Time, failure error) error {
	outputs, err := Outputs(result)
	if err != nil {
		return err // outputs are written whole or not at all
	}
	var errs []error
	if p, ok := result.(interface{ Print(io.Writer) error }); ok {
		errs = append(errs, p.Print(rt.Stdout))
	} else if rt.commands == nil {
		for _, o := range outputs {
			if o.Value != "" {
				_, err := fmt.Fprintf(rt.Stdout, "%s: %s\n", o.Name, strings.ReplaceAll(o.Value, "\n", "\n  "))
				errs = append(errs, err)
			}
		}
	}
	if path := rt.getenv("GITHUB_OUTPUT"); path != "" {
		errs = append(errs, appendValues(path, outputs))
	}
	if e, ok := result.(interface{ Env() map[string]string }); ok && rt.getenv("GITHUB_ENV") != "" {
		var variables []Output
		env := e.Env()
		for _, name := range slices.Sorted(maps.Keys(env)) {
			variables = append(variables, Output{Name: name, Value: env[name]})
		}
		errs = append(errs, appendValues(rt.getenv("GITHUB_ENV"), variables))
	}
	if p, ok := result.(interface{ Page() string }); ok {
		return errors.Join(append(errs, rt.addToPage(p.Page()))...)
	}
	entry := runlog.Entry{Start: start, Outputs: map[string]string{}}
	if s, ok := result.(interface{ Summary() string }); ok {
		entry.Summary = s.Summary()
	}
	if failure != nil {
		entry.Error = failure.Error()
	}
	for _, o := range outputs {
		entry.Outputs[o.Name] = o.Value
	}
	return errors.Join(append(errs, rt.log(entry))...)
}

// log writes what the step did into the run's log, for the step that sums all of
// them up; where there is none, its summary is a part of the job's page. A runner
// hides what is masked in logs only.
func (rt *Runtime) log(entry runlog.Entry) error {
	entry.Step, entry.End = rt.name, time.Now()
	hide := strings.NewReplacer(rt.masked...)
	entry.Error, entry.Summary = hide.Replace(entry.Error), hide.Replace(entry.Summary)
	for name, value := range entry.Outputs {
		entry.Outputs[name] = hide.Replace(value)
	}
	if path := rt.getenv(runlog.Variable); path != "" {
		return runlog.Append(path, entry)
	}
	return rt.addToPage(entry.Summary)
}

// addToPage adds Markdown to the job's page.
func (rt *Runtime) addToPage(text string) error {
	path := rt.getenv("GITHUB_STEP_SUMMARY")
	if path == "" || text == "" {
		return nil
	}
	return appendFile(path, []byte(text+"\n"))
}

// minMasked is the length, in bytes, from which on a value is looked for in what
// is written: a shorter one is in many a word.
const minMasked = 6

// mask asks the runner to hide values in every log of the job from here on.
// Outside of Actions nothing would read the command, so nothing is printed.
func (rt *Runtime) mask(values ...string) {
	if rt.commands == nil {
		return
	}
	for _, value := range values {
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); line != "" {
				rt.commands.AddMask(line)
				if len(line) >= minMasked {
					rt.masked = append(rt.masked, line, "***")
				}
			}
		}
	}
}

func newRuntime(name string, p Process) (rt *Runtime, flush func()) {
	if p.Environ == nil {
		p.Environ = func() []string { return nil }
	}
	rt = &Runtime{name: name, getenv: p.Getenv, environ: p.Environ, printMu: &sync.Mutex{}, stderr: p.Stderr}
	out := &lineWriter{mu: rt.printMu, w: p.Stdout}
	logTo := p.Stderr
	if p.Getenv("GITHUB_ACTIONS") == "true" {
		// Workflow commands are read from standard output only, and one stream
		// keeps the log in order.
		rt.commands = githubactions.New(githubactions.WithWriter(p.Stdout), githubactions.WithGetenv(p.Getenv))
		logTo = p.Stdout
		rt.Stdout = out
		flush = out.flush
	} else {
		rt.Stdout = p.Stdout
		flush = func() {}
	}
	rt.Log = slog.New(&console{mu: rt.printMu, w: logTo, commands: rt.commands, debug: p.Getenv("RUNNER_DEBUG") == "1"})
	return rt, flush
}
