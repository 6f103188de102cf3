package devstack

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/hint"
)

const usage = `usage: devstack COMMAND [-dir DIR]

  up [-module DIR]... [-repository OWNER/NAME] [-commit SHA] [-claim NAME=VALUE]...
                       start the local world; a module is a folder of Go sources whose
                       dependencies builds need, a claim replaces one of the OIDC tokens
  down [-keep]         stop it, and remove all but its logs
  status               print how its parts are
  stop PART            stop a part, as a fault would
  start PART           start a stopped part again
  engine               start a Docker engine in the running world, unless the machine has
                       one, and print the env file that leads to it
  node NAME [PLATFORM,...]
                       start a further buildkitd, which says that it builds for these
                       platforms, and print its endpoint
  debian [ARCH]...     serve debian:bookworm-slim, made of Debian's packages, with compilers for
                       RUN steps on this machine's architecture and on those that are named
  fault HOST STATUS COUNT [METHOD PATH-PREFIX]
                       answer COUNT requests to HOST with STATUS
  fault clear          answer as usual again
  tools [GROUP|NAME]...
                       build tools and print the folder they are in
  description          fetch GitHub's description of its API and print the file

DIR is out/world in this checkout where no -dir is given.
`

// errUsage makes Run print the usage.
var errUsage = errors.New("usage")

// Run is the devstack command. It returns the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := command(ctx, args, stdin, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage) || errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
		return 2
	}
	fmt.Fprintf(stderr, "devstack: %v\n", err)
	for _, h := range hint.Of(err) {
		fmt.Fprintf(stderr, "hint: %s\n", h)
	}
	return 1
}

// stringList is a flag that can be given several times.
type stringList []string

func (l *stringList) String() string { return strings.Join(*l, ",") }

func (l *stringList) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func command(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case daemonCommand:
		return serve(ctx, stdin, slog.New(slog.NewTextHandler(stderr, nil)))
	case isolateCommand:
		return isolate(args[1:], os.Environ())
	}
	o := options{log: stderr}
	var claims stringList
	keep := false
	flags := flag.NewFlagSet("devstack "+args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	flags.StringVar(&o.dir, "dir", "", "")
	if args[0] == "up" {
		flags.Var((*stringList)(&o.modules), "module", "")
		flags.StringVar(&o.repository, "repository", "", "")
		flags.StringVar(&o.commit, "commit", "", "")
		flags.Var(&claims, "claim", "")
	}
	if args[0] == "down" {
		flags.BoolVar(&keep, "keep", false, "")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if err := o.fill(claims); err != nil {
		return err
	}
	args = append(args[:1], flags.Args()...)
	if args[0] == "tools" {
		selected, err := selectTools(args[1:])
		if err != nil {
			return err
		}
		bin, err := o.toolbox().build(ctx, selected...)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, bin)
		return err
	}
	if len(args) == 1 && args[0] == "description" {
		path, err := o.description(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, path)
		return err
	}
	if len(args) == 1 && args[0] == "up" {
		if err := up(ctx, o); err != nil {
			return err
		}
		_, err := fmt.Fprintln(stdout, envFile(o.dir))
		return err
	}
	if len(args) == 1 && args[0] == "down" {
		ran, err := down(ctx, o.cache, o.dir, keep)
		if err == nil && !ran {
			fmt.Fprintf(stderr, "no world runs in %s\n", o.dir)
		}
		return err
	}
	if args[0] == "engine" || args[0] == "node" || args[0] == "debian" {
		return optionalParts(ctx, o, args, stdout)
	}
	return control(ctx, o.dir, args, stdout)
}

// control does what is asked of a running world.
func control(ctx context.Context, dir string, args []string, stdout io.Writer) error {
	known := map[string]func(int) bool{
		"status": func(n int) bool { return n == 0 },
		"stop":   func(n int) bool { return n == 1 },
		"start":  func(n int) bool { return n == 1 },
		"fault":  func(n int) bool { return n == 1 || n == 3 || n == 5 },
	}
	if takes := known[args[0]]; takes == nil || !takes(len(args)-1) {
		return errUsage
	}
	c := newClient(dir)
	switch args[0] {
	case "stop":
		return c.stopPart(ctx, args[1])
	case "start":
		return c.startPart(ctx, args[1])
	case "fault":
		if len(args) == 2 {
			if args[1] != "clear" {
				return errUsage
			}
			return c.clearFaults(ctx)
		}
		rule, err := parseFault(args[1:])
		if err != nil {
			return err
		}
		return c.addFault(ctx, rule)
	}
	status, err := c.status(ctx)
	if err != nil {
		return err
	}
	for _, s := range status {
		fmt.Fprintf(stdout, "%-12s %s %d\n", s.Name, s.State, s.PID)
	}
	return nil
}

// parseFault reads HOST STATUS COUNT [METHOD PATH-PREFIX].
func parseFault(args []string) (fault.Rule, error) {
	status, err := strconv.Atoi(args[1])
	if err != nil {
		return fault.Rule{}, fmt.Errorf("status %q is not a number", args[1])
	}
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return fault.Rule{}, fmt.Errorf("count %q is not a number", args[2])
	}
	rule := fault.Rule{Host: args[0], Status: status, Count: count}
	if len(args) == 5 {
		rule.Method, rule.Path = args[3], args[4]
	}
	return rule, nil
}

// fill sets the folders that are not given, and the claims.
func (o *options) fill(claims []string) (err error) {
	o.claims = map[string]string{}
	for _, claim := range claims {
		name, value, ok := strings.Cut(claim, "=")
		if !ok {
			return fmt.Errorf("claim %q is not of the form NAME=VALUE", claim)
		}
		o.claims[name] = value
	}
	if o.checkout, err = findCheckout(); err != nil {
		return err
	}
	if o.dir == "" {
		o.dir = filepath.Join(o.checkout, "out", "world")
	}
	// What the example needs, unless another project is to be built.
	if example := filepath.Join(o.checkout, "examples", "hello"); len(o.modules) == 0 && isFile(filepath.Join(example, "go.mod")) {
		o.modules = []string{example}
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	o.cache = filepath.Join(cache, "release-actions")
	return err
}

// findCheckout returns the root of the source tree that holds the working folder.
func findCheckout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for start := dir; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module github.com/org/release-actions\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", hint.Wrap(fmt.Errorf("%q is not in a checkout of release-actions", start), "run it from there")
		}
	}
}
