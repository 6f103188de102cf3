package devstack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// startEngine has the running world start a Docker engine, unless one answers
// on this machine, and returns the env file that leads to it.
func startEngine(ctx context.Context, o options) (env string, err error) {
	c := newClient(o.dir)
	if _, err := c.status(ctx); err != nil {
		return "", err
	}
	if dockerAnswers(ctx) {
		return engineEnv(o.dir), machineEngine(o.dir)
	}
	packages := &debian{filepath.Join(o.cache, "debian"), o.log}
	plan, err := packages.engine(ctx)
	if err != nil {
		return "", err
	}
	if plan.Images, err = o.engineImages(ctx, packages); err != nil {
		return "", err
	}
	return engineEnv(o.dir), c.ask(ctx, http.MethodPost, "/engine", plan, nil)
}

// nodeName keeps names fit for files.
var nodeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,20}$`)

// startNode has the running world start a further buildkitd and returns its
// endpoint. Platforms are what it says that it builds for.
func startNode(ctx context.Context, o options, name string, platforms []string) (endpoint string, err error) {
	if !nodeName.MatchString(name) {
		return "", hint.Wrap(fmt.Errorf("node %q is no name for a file", name), "write it as in \"arm64\"")
	}
	c := newClient(o.dir)
	if _, err := c.status(ctx); err != nil {
		return "", err
	}
	n := node{Name: name, Platforms: platforms, Root: filepath.Join(o.dir, "node-"+name)}
	selected, err := selectTools([]string{"buildkitd"})
	if err != nil {
		return "", err
	}
	bin, err := o.toolbox().build(ctx, selected...)
	if err != nil {
		return "", err
	}
	n.Program = filepath.Join(bin, "buildkitd")
	if n.Runc, err = findRunc(ctx, &debian{filepath.Join(o.cache, "debian"), o.log}); err != nil {
		return "", err
	}
	return "unix://" + (&builder{dir: o.dir}).socket(n), c.ask(ctx, http.MethodPost, "/nodes", n, nil)
}

// findRunc returns the machine's runc, or Debian's.
func findRunc(ctx context.Context, packages *debian) (string, error) {
	if path, err := exec.LookPath("runc"); err == nil {
		return path, nil
	}
	return packages.program(ctx, "usr/sbin/runc", "runc")
}

// optionalParts are the commands that add a part to a running world.
func optionalParts(ctx context.Context, o options, args []string, stdout io.Writer) error {
	var answer string
	var err error
	switch {
	case args[0] == "engine" && len(args) == 1:
		answer, err = startEngine(ctx, o)
	case args[0] == "node" && len(args) == 2:
		answer, err = startNode(ctx, o, args[1], nil)
	case args[0] == "node" && len(args) == 3:
		answer, err = startNode(ctx, o, args[1], strings.Split(args[2], ","))
	case args[0] == "debian":
		return startDebian(ctx, o, args[1:])
	default:
		return errUsage
	}
	if err == nil {
		_, err = fmt.Fprintln(stdout, answer)
	}
	return err
}

// handleOptional serves the requests of these commands.
func (d *daemon) handleOptional(mux *http.ServeMux, done func(http.ResponseWriter, error)) {
	mux.HandleFunc("POST /engine", func(w http.ResponseWriter, r *http.Request) {
		var p enginePlan
		err := json.NewDecoder(r.Body).Decode(&p)
		if err == nil {
			err = d.startEngine(context.WithoutCancel(r.Context()), p)
		}
		done(w, err)
	})
	mux.HandleFunc("GET /packages", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode("http://" + d.plan.GoProxy + packagesPath) // a client that is gone needs no answer
	})
	mux.HandleFunc("POST /images", func(w http.ResponseWriter, r *http.Request) {
		var images map[string]string
		err := json.NewDecoder(r.Body).Decode(&images)
		if err == nil {
			err = d.pushImages(r.Context(), images)
		}
		done(w, err)
	})
	mux.HandleFunc("POST /nodes", func(w http.ResponseWriter, r *http.Request) {
		var n node
		err := json.NewDecoder(r.Body).Decode(&n)
		if err == nil {
			err = d.startNode(context.WithoutCancel(r.Context()), n)
		}
		done(w, err)
	})
}

func (d *daemon) startNode(ctx context.Context, n node) error {
	p, err := d.builder.daemon(n)
	if err != nil {
		return err
	}
	return d.parts.ensure(ctx, p)
}
