package rehearsal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// World is the local world, driven by the program that "make up" and "make
// down" run.
type World struct {
	Env map[string]string // the env file's variables, with PATH

	program string
	source  string
	log     io.Writer
}

// Up builds what the world and its judges need, and starts it. What is built
// and started is told to log.
func Up(ctx context.Context, source string, log io.Writer) (*World, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	w := &World{program: filepath.Join(source, "bin", "devstack"), source: source, log: log}
	build := exec.CommandContext(ctx, "go", "build", "-o", w.program, "./internal/devstack/cmd/devstack")
	build.Dir, build.Stderr = source, log
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the local world: %w", err)
	}
	if err := w.run(ctx, "tools", "world", "runner", "judges", "scan"); err != nil {
		return nil, err
	}
	if err := w.run(ctx, "up"); err != nil {
		return nil, err
	}
	w.Env, err = readEnv(filepath.Join(source, "out", "world", "env"))
	if err != nil {
		return nil, errors.Join(err, w.Down(context.WithoutCancel(ctx)))
	}
	w.Env["RELEASE_ACTIONS_BIN"] = filepath.Join(source, "bin")
	w.Env["PATH"] = w.Env["RELEASE_ACTIONS_BIN"] + ":" + w.Env["DEVSTACK_BIN"] + ":" + w.Env["PATH"]
	return w, nil
}

// Down ends the world and all its processes. It fails where GitHub was asked,
// or answered, otherwise than its published description has it.
func (w *World) Down(ctx context.Context) error {
	var undescribed []string
	err := w.control(ctx, http.MethodGet, "/undescribed", nil, &undescribed)
	for _, what := range undescribed {
		err = errors.Join(err, fmt.Errorf("not as GitHub describes it: %s", what))
	}
	return errors.Join(err, w.run(ctx, "down"))
}

// StopPart ends one process of the world, such as "rekor".
func (w *World) StopPart(ctx context.Context, part string) error {
	return w.run(ctx, "stop", part)
}

// StartPart starts a process that StopPart ended, and waits until it serves.
func (w *World) StartPart(ctx context.Context, part string) error {
	return w.run(ctx, "start", part)
}

// StartEngine starts a Docker engine in the world, unless the machine has one,
// and returns the world's variables with those that lead to it.
func (w *World) StartEngine(ctx context.Context) (map[string]string, error) {
	file, err := w.ask(ctx, "engine")
	if err != nil {
		return nil, err
	}
	engine, err := readEnv(file)
	if err != nil {
		return nil, err
	}
	env := maps.Clone(w.Env)
	for _, name := range []string{"DOCKER_HOST", "DEVSTACK_DOCKER"} {
		if engine[name] != "" {
			env[name] = engine[name]
		}
	}
	env["PATH"] = filepath.Dir(env["DEVSTACK_DOCKER"]) + ":" + env["PATH"]
	return env, nil
}

// StartNode starts a further buildkitd, which says that it builds for these
// platforms before all others, and returns its endpoint.
func (w *World) StartNode(ctx context.Context, name string, platforms ...string) (endpoint string, err error) {
	args := []string{"node", name}
	if len(platforms) > 0 {
		args = append(args, strings.Join(platforms, ","))
	}
	return w.ask(ctx, args...)
}

// StartDebian has the world serve debian:bookworm-slim, with compilers for RUN
// steps on this machine's architecture and on further ones.
func (w *World) StartDebian(ctx context.Context, further ...string) error {
	return w.run(ctx, append([]string{"debian"}, further...)...)
}

// BuildTools builds tools that Up doesn't.
func (w *World) BuildTools(ctx context.Context, names ...string) error {
	return w.run(ctx, append([]string{"tools"}, names...)...)
}

// Fault has a host of the world answer its next count requests for paths that
// start with prefix with status.
func (w *World) Fault(ctx context.Context, host string, status, count int, prefix string) error {
	return w.run(ctx, "fault", host, strconv.Itoa(status), strconv.Itoa(count), "", prefix)
}

// ClearFaults has all hosts answer as usual again.
func (w *World) ClearFaults(ctx context.Context) error {
	return w.run(ctx, "fault", "clear")
}

// ask runs a command that answers with a line.
func (w *World) ask(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, w.program, args...)
	cmd.Dir, cmd.Stderr = w.source, w.log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("devstack %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (w *World) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, w.program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.source, w.log, w.log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("devstack %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// readEnv has a shell read the env file, as its users do, and returns what it
// adds to a bare environment.
func readEnv(path string) (map[string]string, error) {
	cmd := exec.Command("sh", "-c", `. "$1" && env -0`, "sh", path)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	env := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(bytes.ReplaceAll(out, []byte{0}, []byte{'\n'})))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			env[name] = value
		}
	}
	return env, lines.Err()
}
