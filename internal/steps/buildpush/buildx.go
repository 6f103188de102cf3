package buildpush

import (
	"bytes"
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
)

// grace is how long a cancelled buildx may tidy up. A runner kills the step
// 10 s after its first signal.
const grace = 5 * time.Second

// build runs buildx and returns what it wrote of the build. Whatever happens,
// the credentials that it was given are gone afterwards.
func build(ctx context.Context, cfg Config, d Deps, layout string) (m metadata, err error) {
	private, err := newPrivateDir(d.TempDir, d.Log)
	if err != nil {
		return metadata{}, err
	}
	defer func() { err = errors.Join(err, private.Close()) }()
	dockerConfig := filepath.Join(private.path, "docker")
	if err := writeDockerConfig(dockerConfig, d.DockerConfigDir, cfg.Registry); err != nil {
		return metadata{}, err
	}
	cfg.Build = cfg.Build.resolve(d.Origin.gitContext())
	cfg.Secrets = cfg.Secrets.withGitToken(cfg.Build.Context, d.Origin, cfg.Registry.GitHubToken)
	secrets, err := cfg.Secrets.specs(private.path, d.Env)
	if err != nil {
		return metadata{}, err
	}
	d.Env = append(slices.Clone(d.Env), "DOCKER_CONFIG="+dockerConfig)
	if epoch := d.Origin.epoch(ctx, d.Env); epoch != "" && !hasVariable(d.Env, "SOURCE_DATE_EPOCH") {
		d.Env = append(d.Env, "SOURCE_DATE_EPOCH="+epoch)
	}
	command, err := d.findBuildx(ctx)
	if err != nil {
		return metadata{}, err
	}
	v := invocation{metadataFile: filepath.Join(private.path, "metadata.json"), secretSpecs: secrets, layout: layout, origin: d.Origin}
	cfg.Build, d.Env = cfg.withCaches(d)
	var answer, log tail
	if err := d.execute(ctx, append(command, cfg.arguments(v)...), io.MultiWriter(d.Output, &answer), io.MultiWriter(d.Output, &log)); err != nil {
		switch {
		case ctx.Err() != nil:
			return metadata{}, fmt.Errorf("build: %w", ctx.Err())
		case cfg.Build.calls() && answer.String() != "":
			return metadata{}, refuse(cfg.Build.Call, err, answer.String())
		}
		return metadata{}, explain(err, log.String())
	}
	if cfg.Build.calls() {
		return metadata{}, nil
	}
	return readMetadata(v.metadataFile)
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
