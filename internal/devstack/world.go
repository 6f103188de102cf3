// Package devstack is the local world that the demo and the end-to-end tests
// run against: real parts on loopback, built from pinned modules or taken from
// Debian's packages, and stand-ins for the services that can't be had.
//
// The command up prepares what is slow and can be kept (programs, packages, base images)
// in a cache, then leaves the world to a daemon of its own. The daemon
// supervises all parts; whatever ends it, no process outlives it. What a killed
// world leaves outside of processes, the next up or down tidies.
package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
)

// options say which world to start, and where. All paths are absolute.
type options struct {
	dir      string   // the world's own: its env file, logs, keys and sockets
	checkout string   // the root of the source tree, which holds the tools' modules
	cache    string   // for what outlives a world: tools, packages, images, layers
	modules  []string // Go modules whose dependencies builds need
	// What GitHub knows; the stand-ins have a default for each.
	repository, commit string
	claims             map[string]string // of the OIDC tokens
	log                io.Writer         // gets the progress
}

func envFile(dir string) string       { return filepath.Join(dir, "env") }
func controlSocket(dir string) string { return filepath.Join(dir, "control.sock") }
func logDir(dir string) string        { return filepath.Join(dir, "logs") }

// plan is what the daemon needs to know. All paths are absolute.
type plan struct {
	Dir, Cache, Bin string
	Docker          bool // build with the Docker engine
	Registry, Runc  string
	QEMU            map[string]string // architecture → interpreter to register
	GoProxy         string            // address
	ModCache        string
	Images          map[string]string // reference → OCI layout
	Description     string            // file of GitHub's description

	Repository, Commit string
	Claims             map[string]string
}

// up starts a world, or finds the one that runs already, and returns when all
// its parts serve. On failure nothing is left of it but its logs.
func up(ctx context.Context, o options) error {
	if err := checkSocketPath(controlSocket(o.dir)); err != nil {
		return err
	}
	lock, err := lockCache(o.cache, o.dir)
	if err != nil {
		return err
	}
	if lock == nil {
		return checkRunning(ctx, o)
	}
	defer lock.Close() //nolint:errcheck // the daemon holds it on
	if err := errors.Join(tidy(ctx, o.cache), clean(o.dir)); err != nil {
		return err
	}
	p, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	if err := startDaemon(ctx, p, lock); err != nil {
		return errors.Join(err, clean(o.dir))
	}
	return nil
}

func (o options) toolbox() *toolbox {
	return &toolbox{filepath.Join(o.checkout, "internal", "devstack", "tools"), filepath.Join(o.cache, "tools"), o.log}
}

// checkPrivileges says early what would fail late.
func checkPrivileges(docker bool, missing []emulated) error {
	switch {
	case os.Geteuid() == 0:
		return nil
	case !docker:
		return hint.New("no Docker engine answers, and BuildKit can be run by root only", "start Docker, or run this with sudo")
	case len(missing) > 0:
		return hint.Wrap(fmt.Errorf("this machine can't run programs for %s, and QEMU can be registered by root only", missing[0].arch), "run this with sudo")
	}
	return nil
}

// checkRunning returns nil if the world that holds the lock is well.
func checkRunning(ctx context.Context, o options) error {
	status, err := newClient(o.dir).status(ctx)
	if err != nil {
		return err
	}
	for _, s := range status {
		if s.State != running {
			return hint.Wrap(fmt.Errorf("a world runs in %q, but its part %s is %s", o.dir, s.Name, s.State),
				"stop it with make down, then start it again")
		}
	}
	fmt.Fprintln(o.log, "a world runs already")
	return nil
}

// prepare makes what the world needs and can keep.
func prepare(ctx context.Context, o options) (*plan, error) {
	missing, err := unhandled()
	if err != nil {
		return nil, err
	}
	p := &plan{
		Dir: o.dir, Cache: o.cache, Docker: dockerAnswers(ctx), Images: map[string]string{},
		Repository: o.repository, Commit: o.commit, Claims: o.claims,
	}
	if err := checkPrivileges(p.Docker, missing); err != nil {
		return nil, err
	}
	packages := &debian{filepath.Join(o.cache, "debian"), o.log}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		needed := slices.DeleteFunc(slices.Clone(tools), func(t tool) bool {
			return t.group != groupWorld || p.Docker && t.name == "buildkitd"
		})
		p.Bin, err = o.toolbox().build(gctx, append(needed, scanner)...)
		return err
	})
	var busybox string
	g.Go(func() (err error) {
		if busybox, err = packages.program(gctx, "bin/busybox", "busybox-static"); err != nil {
			return err
		}
		if p.Registry, err = packages.program(gctx, "usr/bin/docker-registry", "docker-registry"); err != nil {
			return err
		}
		if !p.Docker {
			if p.Runc, err = findRunc(gctx, packages); err != nil {
				return err
			}
		}
		p.QEMU, err = fetchQEMU(gctx, packages, missing)
		return err
	})
	g.Go(func() error {
		for _, module := range o.modules {
			if err := run(gctx, module, "go", "mod", "download"); err != nil {
				return err
			}
		}
		out, err := exec.CommandContext(gctx, "go", "env", "GOMODCACHE").Output()
		p.ModCache = strings.TrimSpace(string(out))
		return err
	})
	g.Go(func() (err error) {
		p.Description, err = o.description(gctx)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return p, p.prepareImages(ctx, o, busybox)
}

// prepareImages makes the images that builds are based on.
func (p *plan) prepareImages(ctx context.Context, o options, busybox string) (err error) {
	images := &imageCache{filepath.Join(o.cache, "images"), o.log}
	if p.GoProxy, err = goproxyFree(); err != nil {
		return err
	}
	version, golang, err := images.golang(ctx, busybox, "http://"+p.GoProxy)
	if err != nil {
		return err
	}
	frontend, err := images.program(filepath.Join(p.Bin, "dockerfile-frontend"), frontendLabels)
	if err != nil {
		return err
	}
	path, err := o.toolbox().path(scanner)
	if err != nil {
		return err
	}
	syft, err := images.program(path, nil)
	if err != nil {
		return err
	}
	parts := strings.SplitN(version, ".", 3)
	p.Images["docker/dockerfile:1"] = frontend
	p.Images["docker/buildkit-syft-scanner:stable-1"] = syft
	p.Images["library/golang:"+version] = golang
	p.Images["library/golang:"+strings.Join(parts[:min(2, len(parts))], ".")] = golang
	return nil
}

// down stops the world in dir and tidies what a killed one left. With keep,
// its folder stays as it is; else only the logs stay.
func down(ctx context.Context, cache, dir string, keep bool) (ran bool, err error) {
	err = newClient(dir).down(ctx)
	if err != nil && !errors.Is(err, errNoWorld) {
		return true, err
	}
	ran = err == nil
	lock, err := awaitLock(ctx, cache, dir)
	if err != nil || lock == nil {
		return ran, err
	}
	defer lock.Close() //nolint:errcheck // only a lock
	err = tidy(ctx, cache)
	if !keep {
		err = errors.Join(err, clean(dir))
	}
	return ran, err
}

// tidy removes what a killed world leaves outside of its folder.
func tidy(ctx context.Context, cache string) error {
	if dockerAnswers(ctx) {
		// The engine runs the builder, not we. Where there is none, this fails and is right to.
		_ = run(ctx, "/", "docker", "rm", "--force", builderContainer)
	}
	return errors.Join(stopEmulating(), removeCgroups(ctx), removeBridges(cache))
}

// clean removes the world's folder except for its logs.
func clean(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var errs []error
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); path != logDir(dir) {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(append(errs, err)...)
}
