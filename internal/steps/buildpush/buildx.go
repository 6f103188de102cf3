package buildpush

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/buildpush/builder"
	"github.com/org/release-actions/internal/steps/buildpush/progress"
)

// grace is how long a cancelled buildx may tidy up. A runner kills the step
// 10 s after its first signal.
const grace = 5 * time.Second

// build runs buildx and returns what it wrote of the build. Whatever happens,
// the credentials that it was given are gone afterwards, and so is a builder
// that was made for it.
func build(ctx context.Context, cfg Config, d Deps, layout string) (m metadata, err error) {
	command, err := d.findBuildx(ctx)
	if err != nil {
		return metadata{}, err
	}
	private, err := newPrivateDir(d.TempDir, d.Log, func(left string) { builder.Sweep(ctx, d.forBuilder(command, left)) })
	if err != nil {
		return metadata{}, err
	}
	defer func() { err = errors.Join(err, private.Close()) }()
	dockerConfig := filepath.Join(private.path, "docker")
	if err := writeDockerConfig(dockerConfig, d.DockerConfigDir, cfg.Registry); err != nil {
		return metadata{}, err
	}
	from := origin{d.Job}
	cfg.Build = cfg.Build.resolve(from.gitContext())
	cfg.Secrets = cfg.Secrets.withGitToken(cfg.Build.Context, from, cfg.Registry.GitHubToken)
	secrets, err := cfg.Secrets.specs(private.path, d.Env)
	if err != nil {
		return metadata{}, err
	}
	d.Env = append(slices.Clone(d.Env), "DOCKER_CONFIG="+dockerConfig)
	if epoch := from.epoch(ctx, d.Env); epoch != "" && !hasVariable(d.Env, "SOURCE_DATE_EPOCH") {
		d.Env = append(d.Env, "SOURCE_DATE_EPOCH="+epoch)
	}
	b, err := builder.Use(ctx, cfg.Builder, cfg.Platforms, d.forBuilder(command, private.path))
	if err != nil {
		return metadata{}, err
	}
	defer func() { err = errors.Join(err, b.Close(ctx)) }()
	d.Env = b.Env
	v := invocation{builder: b.Name, metadataFile: filepath.Join(private.path, "metadata.json"), secretSpecs: secrets, layout: layout, origin: from}
	cfg.Build, d.Env = cfg.withCaches(d)
	log := progress.New(d.Output)
	var answer bytes.Buffer
	err = d.execute(ctx, append(command, cfg.arguments(v)...), io.MultiWriter(log.Stdout(), &answer), log)
	record, closed := log.Close()
	m.record = record
	switch {
	case ctx.Err() != nil:
		return m, fmt.Errorf("build: %w", ctx.Err())
	case err != nil && cfg.Build.calls() && answer.Len() > 0:
		return m, refuse(cfg.Build.Call, err, answer.String())
	case err != nil:
		f := record.Failure()
		return m, b.Explain(explain(err, f), strings.Join(f.Output, "\n"), cmp.Or(f.Error, f.Cause))
	case closed != nil || cfg.Build.calls():
		return m, closed
	}
	m, err = readMetadata(v.metadataFile)
	m.record = record
	return m, err
}

// forBuilder returns what a builder is made with, in the private directory dir.
func (d Deps) forBuilder(buildx []string, dir string) builder.Deps {
	return builder.Deps{
		Buildx: buildx, LookPath: d.LookPath, Env: d.Env, Dir: dir, BinfmtDir: d.BinfmtDir, Log: d.Log,
		Exec: func(ctx context.Context, env, command []string, stdout, stderr io.Writer) error {
			d.Env = env
			return d.execute(ctx, command, stdout, stderr)
		},
	}
}

// findBuildx returns the command that is buildx: docker's plugin, or the
// program by itself.
func (d Deps) findBuildx(ctx context.Context) ([]string, error) {
	for _, names := range [][]string{{"docker", "buildx"}, {"docker-buildx"}, {"buildx"}} {
		path, err := d.LookPath(names[0])
		if err != nil {
			continue
		}
		command := append([]string{path}, names[1:]...)
		var version bytes.Buffer
		// A docker without the plugin answers with its own help.
		err = d.execute(ctx, append(slices.Clip(command), "version"), &version, &version)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && strings.Contains(version.String(), "buildx") {
			d.Log.Info("building with " + strings.TrimSpace(version.String()))
			return command, nil
		}
	}
	return nil, hint.New("there is no docker buildx here",
		"use a runner that has Docker, such as ubuntu-latest, or install buildx as a plugin of docker or as \"docker-buildx\" on PATH")
}

// execute runs a command in a process group of its own. When ctx is done the
// group gets SIGINT, and what is left of it after a while is killed.
func (d Deps) execute(ctx context.Context, command []string, stdout, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the command is buildx
	cmd.Env, cmd.Stdout, cmd.Stderr = d.Env, stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) != nil {
			return os.ErrProcessDone
		}
		return nil
	}
	cmd.WaitDelay = grace
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly, nothing is left
	}
	return err
}

func hasVariable(env []string, name string) bool {
	return slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
}
