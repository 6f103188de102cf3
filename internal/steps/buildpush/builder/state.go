package builder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// startTries bounds how often the start of a builder is tried.
const startTries = 3

// dialWithin bounds the look at a node that doesn't answer.
const dialWithin = 5 * time.Second

// entry is a builder, as "buildx ls" tells it.
//
// https://docs.docker.com/reference/cli/docker/buildx/ls/#format
type entry struct {
	Name    string
	Driver  string
	Current bool
	Err     string
	Nodes   []nodeEntry
}

type nodeEntry struct {
	Name      string
	Endpoint  string
	Status    string
	Err       string
	Platforms []string
}

// node is a BuildKit that runs.
type node struct {
	name     string
	endpoint string
	driver   string
	// platforms are what it runs, by itself or emulated, its own first.
	platforms []image.Platform
}

// parseEntries reads one JSON object a line, and passes over all other lines.
func parseEntries(out []byte) ([]entry, error) {
	var all []entry
	for line := range bytes.Lines(out) {
		if line = bytes.TrimSpace(line); !bytes.HasPrefix(line, []byte("{")) {
			continue
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read the list of builders: %w", err)
		}
		if e.Name == "" {
			return nil, errors.New("read the list of builders: one has no name")
		}
		all = append(all, e)
	}
	return all, nil
}

// list returns the builders that buildx knows, and how they are.
func (b *Builder) list(ctx context.Context) ([]entry, error) {
	out, err := b.run(ctx, "list the builders", b.Env, append(slices.Clone(b.deps.Buildx), "ls", "--format=json"))
	if err != nil {
		return nil, err
	}
	return parseEntries([]byte(out))
}

// errIdle says that a node doesn't run, or that nothing is known of it.
var errIdle = errors.New("it doesn't run")

// learn takes over what is told of the builder's nodes, if all of them run.
func (b *Builder) learn(all []entry) error {
	i := slices.IndexFunc(all, func(e entry) bool { return e.Name == b.Name })
	if i < 0 {
		return fmt.Errorf("builder %q: %w", b.Name, errIdle)
	}
	e := all[i]
	if e.Err != "" {
		return mended(&failure{what: fmt.Sprintf("start builder %q", b.Name), said: e.Err}, e.Err)
	}
	var nodes []node
	for _, n := range e.Nodes {
		if n.Err != "" {
			return mended(&failure{what: fmt.Sprintf("start node %q of builder %q", n.Name, b.Name), said: n.Err}, n.Err)
		}
		if n.Status != "running" {
			return fmt.Errorf("node %q of builder %q: %w", n.Name, b.Name, errIdle)
		}
		known := node{name: n.Name, endpoint: n.Endpoint, driver: e.Driver}
		for _, text := range n.Platforms {
			if p, err := image.ParsePlatform(strings.TrimSuffix(text, "*")); err == nil {
				known.platforms = append(known.platforms, p)
			}
		}
		nodes = append(nodes, known)
	}
	if len(nodes) == 0 {
		return fmt.Errorf("builder %q: it has no nodes", b.Name)
	}
	b.nodes = nodes
	return nil
}

// boot starts the builder. What may pass, such as a registry that doesn't
// answer, is tried again.
func (b *Builder) boot(ctx context.Context) error {
	tries := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		tries++
		err := b.buildx(ctx, fmt.Sprintf("start builder %q", b.Name), "inspect", "--bootstrap", b.Name)
		if err == nil || !mayPass(err) || tries == startTries {
			return struct{}{}, backoff.Permanent(err)
		}
		b.deps.Log.Info("starting the builder again", "cause", firstLine(err))
		return struct{}{}, err
	})
	return err
}

// reach tells why the nodes that run elsewhere don't answer: buildx waits for
// them, and then says that it has waited.
func (b *Builder) reach(ctx context.Context) error {
	all, err := b.list(ctx)
	if err != nil {
		return nil //nolint:nilerr // the error that there is says enough
	}
	var errs []error
	for _, e := range all {
		if e.Name != b.Name || e.Driver != string(Remote) {
			continue
		}
		for _, n := range e.Nodes {
			address, err := url.Parse(n.Endpoint)
			if err != nil || n.Status == "running" || address.Scheme != "tcp" && address.Scheme != "unix" {
				continue
			}
			target := address.Host
			if address.Scheme == "unix" {
				target = address.Path
			}
			dialer := net.Dialer{Timeout: dialWithin}
			conn, err := dialer.DialContext(ctx, address.Scheme, target)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", n.Endpoint, err))
				continue
			}
			errs = append(errs, conn.Close(), hint.Wrap(fmt.Errorf("%s: it takes connections, and doesn't answer as BuildKit", n.Endpoint),
				`where it has TLS, give "cacert=", "cert=" and "key=" with absolute paths in "driver-opts"; where it has none, leave them out`))
		}
	}
	return errors.Join(errs...)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// buildx runs buildx for its effect.
func (b *Builder) buildx(ctx context.Context, what string, args ...string) error {
	_, err := b.run(ctx, what, b.Env, append(slices.Clone(b.deps.Buildx), args...))
	return err
}

// run runs a command and returns its answer. The error begins with what it was
// to do, and has what the command said.
func (b *Builder) run(ctx context.Context, what string, env, command []string) (string, error) {
	var stdout, stderr bytes.Buffer
	if err := b.deps.Exec(ctx, env, command, &stdout, &stderr); err != nil {
		return "", explain(ctx, what, err, stdout.String()+stderr.String())
	}
	return stdout.String(), nil
}

// Explain adds to the failure of a build what is known of its builder: output
// is the last that the failed step wrote, cause what buildx says of it.
func (b *Builder) Explain(err error, output, cause string) error {
	if err == nil {
		return nil
	}
	if len(b.lacking) > 0 && strings.Contains(output, "exec format error") {
		return hint.Wrap(err, "%s", b.lackMend())
	}
	if died.MatchString(cause) {
		b.died = true
		return hint.Wrap(err, "%s", `the builder has died while it built, most often for want of memory: build fewer platforms at once, on a larger runner, or on nodes of their own ("append")`)
	}
	return err
}
