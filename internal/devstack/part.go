package devstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	readyWithin = 60 * time.Second      // for one part, on a busy machine
	readyPause  = 20 * time.Millisecond // between two looks
	stopWithin  = 10 * time.Second      // between the polite signal and SIGKILL
)

// part is one process of the world: how it is started, and when it serves.
type part struct {
	name    string
	command []string // absolute path and arguments
	env     []string // the whole environment
	// isolated parts get a PID and a mount namespace of their own. What they
	// start and mount is gone when they are, however they end.
	isolated bool
	// ready returns nil once the part serves; it is asked again until then.
	ready func(context.Context) error
}

// process is a part that was started.
type process struct {
	part *part
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; valid after done
}

// launcher starts processes from one OS thread that lives as long as the
// daemon: a death signal comes when the thread that forked ends, not the process.
type launcher struct{ jobs chan func() }

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

// start starts p with its output in logDir, and doesn't wait for it to serve.
func (l *launcher) start(p *part, logDir string) (*process, error) {
	proc := &process{part: p, log: filepath.Join(logDir, p.name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(proc.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own copy
	command := p.command
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if p.isolated {
		command = append([]string{"/proc/self/exe", isolateCommand}, command...)
		attr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
	}
	proc.cmd = &exec.Cmd{Path: command[0], Args: command, Env: p.env, Dir: logDir, Stdout: log, Stderr: log, SysProcAttr: attr}
	started := make(chan error)
	l.jobs <- func() { started <- proc.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		proc.err = proc.cmd.Wait()
		close(proc.done)
	}()
	return proc, nil
}

// await returns when the process serves, or with an error that quotes its log
// when it ended or took too long.
func (p *process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := p.part.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it served: %w%s", p.part.name, p.exit(), p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s doesn't serve: %w%s", p.part.name, err, p.tail())
		case <-time.After(readyPause):
		}
	}
}

// exit says how an ended process ended; a process that just stopped is an error too.
func (p *process) exit() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// tail returns the last lines of the process's log, indented.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return " (nothing in " + p.log + ")"
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-10):]
	return "; the end of " + p.log + ":\n  " + strings.Join(lines, "\n  ")
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop ends the process and its group, and returns when it is gone.
func (p *process) stop() {
	if !p.running() {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopWithin):
	}
	// Members of the group that outlive their leader, or a leader that doesn't listen.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}
