// Package builder finds or makes what images are built with: a builder of
// docker buildx, which is one BuildKit or several.
//
// A builder that the inputs name, or that the job has selected before, is used
// as it is. Else one is made for this run and removed after it. buildx keeps
// such a builder in a private directory, so that the user's own stay untouched.
// Platforms that no node of the builder runs are emulated, where that can be
// arranged from here.
package builder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

const (
	// namePrefix starts the names of builders that are made for one run.
	namePrefix = "release-actions-"
	// configDir is where buildx keeps such a builder, in the private directory.
	configDir = "buildx"
	// closeWithin bounds the removal of a builder. A runner kills a step 10 s
	// after it was cancelled, of which the build may have taken a part.
	closeWithin = 6 * time.Second
	// volumeWithin bounds the tries to remove the volume of a container that died.
	volumeWithin = 3 * time.Second
	volumePause  = 200 * time.Millisecond
	// sweepWithin bounds the removal of what one killed run left.
	sweepWithin = 30 * time.Second
)

// Deps are what a builder is made with.
type Deps struct {
	// Buildx is the command that is buildx.
	Buildx []string
	// LookPath finds a program, as exec.LookPath does.
	LookPath func(string) (string, error)
	// Env is the environment of all commands. Its DOCKER_CONFIG has the logins.
	Env []string
	// Dir is a private directory that lives as long as the builder.
	Dir string
	// Exec runs a command, and ends it when the context ends.
	Exec func(ctx context.Context, env, command []string, stdout, stderr io.Writer) error
	// BinfmtDir is where the kernel lists its handlers of foreign programs.
	BinfmtDir string
	Log       *slog.Logger
}

// Builder is what an image is built with.
type Builder struct {
	// Name is what buildx knows it by.
	Name string
	// Env is the environment in which buildx finds it.
	Env []string

	made    bool
	died    bool // while it built
	deps    Deps
	nodes   []node
	lacking []image.Platform
}

// Use returns the builder that cfg describes, with all nodes running. It is to
// be closed. The platforms are those to be built for; none is the builder's own.
func Use(ctx context.Context, cfg Config, platforms []image.Platform, d Deps) (*Builder, error) {
	b, err := d.find(ctx, cfg)
	if err == nil && b == nil {
		b, err = d.make(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	if err := b.provide(ctx, cfg, platforms); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	return b, nil
}

// find returns the builder that is named or selected, or nil where one is to
// be made.
func (d Deps) find(ctx context.Context, cfg Config) (*Builder, error) {
	if len(cfg.described()) > 0 {
		return nil, nil
	}
	b := &Builder{deps: d, Env: d.Env}
	all, err := b.list(ctx)
	if err != nil {
		return nil, err
	}
	name, source := cfg.Name, `input "builder"`
	if name == "" {
		name, source = d.variable("BUILDX_BUILDER"), "variable BUILDX_BUILDER"
	}
	i := slices.IndexFunc(all, func(e entry) bool { return e.Name == name || name == "" && e.Current })
	switch {
	case i < 0 && name != "":
		return nil, hint.Wrap(fmt.Errorf("%s: there is no builder %q", source, name), "%s", whichBuilders(all))
	case i < 0, cfg.Name == "" && (all[i].Driver == dockerDriver || all[i].Driver == ""):
		// Docker's own builder pushes nothing by its digest, and one without an
		// engine has no driver at all.
		return nil, nil
	}
	b.Name = all[i].Name
	d.Log.Info("building with the builder that is there", "builder", b.Name, "driver", all[i].Driver)
	return b, b.start(ctx, all)
}

func whichBuilders(all []entry) string {
	var names []string
	for _, e := range all {
		names = append(names, fmt.Sprintf("%q", e.Name))
	}
	return "there are " + strings.Join(names, ", ") + `; without the input "builder", one is made for the run`
}

// make creates a builder for this run, and starts it.
func (d Deps) make(ctx context.Context, cfg Config) (*Builder, error) {
	dir := filepath.Join(d.Dir, configDir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	config, err := cfg.buildkitdConfig(d.Dir, d.defaultConfig())
	if err != nil {
		return nil, err
	}
	b := &Builder{Name: newName(), Env: append(slices.Clone(d.Env), "BUILDX_CONFIG="+dir), deps: d}
	d.Log.Info("making a builder for this run", "builder", b.Name, "driver", cfg.driver(), "nodes", len(cfg.Append)+1)
	for _, args := range cfg.create(b.Name, config) {
		if err := b.buildx(ctx, "create a builder", args...); err != nil {
			return nil, errors.Join(err, b.Close(ctx))
		}
		b.made = true
	}
	if err := b.start(ctx, nil); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	return b, nil
}

func newName() string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return namePrefix + hex.EncodeToString(random[:])
}

// start starts the nodes that don't run, and learns what they are. all is what
// is known already, if anything.
func (b *Builder) start(ctx context.Context, all []entry) error {
	if err := b.learn(all); err == nil {
		return nil
	}
	begin := time.Now()
	if err := b.boot(ctx); err != nil {
		return errors.Join(err, b.reach(ctx))
	}
	all, err := b.list(ctx)
	if err != nil {
		return err
	}
	if err := b.learn(all); err != nil {
		return err
	}
	b.deps.Log.Info("started the builder", "builder", b.Name, "nodes", describe(b.nodes), "in", time.Since(begin).Round(time.Millisecond))
	return nil
}

// Close removes a builder that was made, whether or not ctx has ended.
func (b *Builder) Close(ctx context.Context) error {
	if !b.made {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	err := b.buildx(ctx, "remove the builder", "rm", "--force", b.Name)
	if b.died {
		err = b.removeDead(ctx, err)
	}
	if err != nil {
		return hint.Wrap(err, "see whether its container is left: \"docker ps --all --filter name=%s\"", b.Name)
	}
	b.deps.Log.Info("removed the builder", "builder", b.Name)
	return nil
}

// removeDead removes the volumes of containers that died, which buildx passes
// over, or stumbles over with err while the engine still removes a container.
// A volume goes last: when it is gone, so is its container.
func (b *Builder) removeDead(ctx context.Context, err error) error {
	docker, lookErr := b.deps.LookPath("docker")
	if lookErr != nil {
		return err // without docker's command line there is no way
	}
	for _, n := range b.nodes {
		if n.driver != string(Container) {
			return err
		}
		engine := "--context=" + n.endpoint
		if strings.Contains(n.endpoint, "://") {
			engine = "--host=" + n.endpoint
		}
		command := []string{docker, engine, "volume", "rm", "--force", "buildx_buildkit_" + n.name + "_state"}
		if _, volumeErr := backoff.Retry(ctx, func() (string, error) {
			return b.run(ctx, "remove the volume of a container that died", b.deps.Env, command)
		}, backoff.WithBackOff(backoff.NewConstantBackOff(volumePause)), backoff.WithMaxElapsedTime(volumeWithin)); volumeErr != nil {
			return errors.Join(err, volumeErr)
		}
	}
	return nil
}

// Sweep removes the builders that a killed run left, whose private directory
// d.Dir was. What can't be removed is told, and is no reason to stop.
func Sweep(ctx context.Context, d Deps) {
	dir := filepath.Join(d.Dir, configDir)
	left, err := os.ReadDir(filepath.Join(dir, "instances"))
	if err != nil {
		return // it had made none
	}
	ctx, cancel := context.WithTimeout(ctx, sweepWithin)
	defer cancel()
	for _, entry := range left {
		if !strings.HasPrefix(entry.Name(), namePrefix) {
			continue
		}
		b := &Builder{Name: entry.Name(), Env: append(slices.Clone(d.Env), "BUILDX_CONFIG="+dir), made: true, deps: d}
		if err := b.buildx(ctx, "remove a builder that a killed run left", "rm", "--force", b.Name); err != nil {
			d.Log.Warn(err.Error())
			continue
		}
		d.Log.Info("removed a builder that a killed run left", "builder", b.Name)
	}
}

// variable returns a variable of the environment, or "". The last one counts.
func (d Deps) variable(name string) string {
	for _, v := range slices.Backward(d.Env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// defaultConfig returns the file that buildx would take for buildkitd, from the
// user's own directory, or "".
//
// https://docs.docker.com/build/buildkit/configure/
func (d Deps) defaultConfig() string {
	dir := d.variable("BUILDX_CONFIG")
	if dir == "" {
		dir = filepath.Join(d.variable("DOCKER_CONFIG"), "buildx")
	}
	file := filepath.Join(dir, "buildkitd.default.toml")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}
