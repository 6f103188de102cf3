package devstack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/devstack/standin"
)

// daemonCommand is the hidden subcommand under which this program supervises a
// world. It reads a plan from standard input and inherits two files.
const daemonCommand = "daemon"

// Files that the daemon inherits, as exec.Cmd's ExtraFiles count them.
const (
	reportFD = 3 // a pipe, for reportServes or the text of an error
	lockFD   = 4 // the lock of the cache
)

// reportServes is what the daemon reports when its world serves. A daemon that
// dies reports nothing, which must not pass for success.
const reportServes = "serves"

// startDaemon starts the daemon and returns when its world serves.
func startDaemon(ctx context.Context, p *plan, lock *os.File) error {
	// The folder above may be another's too.
	if err := os.MkdirAll(filepath.Dir(p.Dir), 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(logDir(p.Dir)); err != nil { // of the world before
		return err
	}
	for _, dir := range []string{p.Dir, logDir(p.Dir)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(logDir(p.Dir), "devstack.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the daemon has its own copy
	report, result, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()                                 //nolint:errcheck // only read from
	cmd := exec.Command("/proc/self/exe", daemonCommand) // it outlives the context
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(string(text)), log, log
	cmd.ExtraFiles = []*os.File{result, lock}
	cmd.Dir = p.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = result.Close() // the daemon has its own copy
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	// Interrupted, it stops what it has started.
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	text, err = io.ReadAll(report)
	if err != nil {
		return err
	}
	if string(text) == reportServes && ctx.Err() == nil {
		return cmd.Process.Release()
	}
	_ = cmd.Wait() // cmd.ProcessState says the same
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case len(text) > 0:
		return errors.New(string(text))
	}
	return fmt.Errorf("the daemon ended without a word: %s; see %s", cmd.ProcessState, log.Name())
}

// daemon is a running world, seen from inside.
type daemon struct {
	plan    *plan
	log     *slog.Logger
	parts   *parts
	builder *builder
	servers *standin.Servers
	modules *http.Server

	stopOnce sync.Once
	stopErr  error
	end      func() // lets serve return
}

// serve is the daemon: it starts the world that the plan on in describes,
// reports, and returns when the world was stopped or ctx ends.
func serve(ctx context.Context, in io.Reader, log *slog.Logger) error {
	report := os.NewFile(reportFD, "report")
	// What it starts must not keep the lock.
	syscall.CloseOnExec(reportFD)
	syscall.CloseOnExec(lockFD)
	var p plan
	if err := json.NewDecoder(in).Decode(&p); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	d := &daemon{plan: &p, log: log, end: end, parts: &parts{
		launcher: newLauncher(), logDir: logDir(p.Dir), byName: map[string]*process{}, stopped: map[string]bool{},
	}}
	err := d.start(ctx)
	if err == nil {
		var control net.Listener
		if control, err = new(net.ListenConfig).Listen(ctx, "unix", controlSocket(p.Dir)); err == nil {
			server := &http.Server{Handler: d.handler()}
			defer server.Shutdown(context.WithoutCancel(ctx)) //nolint:errcheck // waits for the answer to down
			go func() { _ = server.Serve(control) }()
		}
	}
	if err != nil {
		err = errors.Join(err, d.stop(context.WithoutCancel(ctx)))
		_, reportErr := report.WriteString(err.Error())
		return errors.Join(err, reportErr, report.Close())
	}
	log.Info("the world serves")
	if _, err := report.WriteString(reportServes); err != nil {
		return errors.Join(err, d.stop(context.WithoutCancel(ctx)))
	}
	if err := report.Close(); err != nil {
		return err
	}
	<-ctx.Done()
	return d.stop(context.WithoutCancel(ctx))
}

// start starts everything, what is independent at once.
func (d *daemon) start(ctx context.Context) error {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.plan.Dir}
	registry, err := d.registryPart(env)
	if err != nil {
		return err
	}
	d.servers, err = standin.Start(context.WithoutCancel(ctx), standin.Options{
		Dir: d.plan.Dir, GHCRBackend: "http://" + registry.address, Log: d.log,
		Repository: d.plan.Repository, Commit: d.plan.Commit, Claims: d.plan.Claims,
		GitHubDescription: d.plan.Description,
	})
	if err != nil {
		return err
	}
	sigstore, err := newSigstore(filepath.Join(d.plan.Dir, "sigstore"))
	if err != nil {
		return err
	}
	d.builder = &builder{
		buildx: filepath.Join(d.plan.Bin, "docker-buildx"), dir: d.plan.Dir, env: env,
		proxy: d.servers.ProxyURL, ca: d.servers.CAFile,
	}
	if d.plan.Docker {
		d.builder.env = os.Environ() // says where the engine is
	}
	if err := emulate(d.plan.QEMU); err != nil {
		return err
	}
	if d.modules, err = serveSources(ctx, d.plan.GoProxy, d.plan.ModCache, packagesDir(d.plan.Cache)); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := d.parts.start(gctx, registry.part); err != nil {
			return err
		}
		return d.pushVulnDB(gctx, registry.address)
	})
	g.Go(func() error { return d.startBuilder(gctx) })
	g.Go(func() error { return d.pushImages(gctx, d.plan.Images) })
	g.Go(func() error {
		// Fulcio reads the issuer's keys by its real name, which the proxy serves.
		services := append([]string{"HTTPS_PROXY=" + d.servers.ProxyURL, "SSL_CERT_FILE=" + d.servers.CAFile}, env...)
		for _, stage := range sigstore.parts(d.plan.Bin, services) {
			at, actx := errgroup.WithContext(gctx)
			for _, p := range stage {
				at.Go(func() error { return d.parts.start(actx, p) })
			}
			if err := at.Wait(); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if err := d.writeLogins(); err != nil {
		return err
	}
	return writeEnv(envFile(d.plan.Dir), d.variables(sigstore), d.plan.Bin)
}

func (d *daemon) startBuilder(ctx context.Context) error {
	if !d.plan.Docker {
		p, err := d.builder.daemon(node{
			Program: filepath.Join(d.plan.Bin, "buildkitd"), Runc: d.plan.Runc, Root: filepath.Join(d.plan.Cache, "buildkit"),
		})
		if err != nil {
			return err
		}
		if err := d.parts.start(ctx, p); err != nil {
			return err
		}
	}
	return d.builder.create(ctx, d.plan.Docker)
}

type registryPart struct {
	*part
	address string
}

// registryPart is the plain distribution registry behind ghcr.io.
func (d *daemon) registryPart(env []string) (registryPart, error) {
	addresses, err := freeAddresses(1)
	if err != nil {
		return registryPart{}, err
	}
	// https://distribution.github.io/distribution/about/configuration/
	config := fmt.Sprintf(`version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http: {addr: %q, secret: %q, relativeurls: true}
`, filepath.Join(d.plan.Dir, "registry"), addresses[0], rand.Text())
	file := filepath.Join(d.plan.Dir, "registry.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return registryPart{}, err
	}
	return registryPart{&part{
		name: "registry", command: []string{d.plan.Registry, "serve", file}, env: env, ready: answers("http://" + addresses[0] + "/v2/"),
	}, addresses[0]}, nil
}

// stop ends the world, in the opposite order of start, once.
func (d *daemon) stop(ctx context.Context) error {
	d.stopOnce.Do(func() {
		d.log.Info("the world ends")
		var errs []error
		if d.plan.Docker && d.builder != nil {
			errs = append(errs, d.builder.remove(ctx))
		}
		d.parts.stopAll()
		if d.modules != nil {
			errs = append(errs, d.modules.Close())
		}
		if d.servers != nil {
			errs = append(errs, d.servers.Close())
		}
		d.stopErr = errors.Join(append(errs, stopEmulating(), removeCgroups(ctx), removeBridges(d.plan.Cache))...)
	})
	return d.stopErr
}

func (d *daemon) loginsDir() string { return filepath.Join(d.plan.Dir, "docker") }

// writeLogins writes a docker configuration with logins to both registries, for
// shells: a workflow gets its credentials as secrets.
func (d *daemon) writeLogins() error {
	c := d.servers.Credentials
	login := func(user, password string) map[string]string {
		return map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
	}
	text, err := json.Marshal(map[string]any{"auths": map[string]any{
		"ghcr.io":                     login("octocat", c.GitHubToken.Reveal()),
		"https://index.docker.io/v1/": login(c.DockerHubUser, c.DockerHubToken.Reveal()),
	}})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.loginsDir(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.loginsDir(), "config.json"), text, 0o600)
}

// variables is the env file: how a client reaches the world.
func (d *daemon) variables(s *sigstore) []variable {
	c := d.servers.Credentials
	return []variable{
		{"DEVSTACK_DIR", d.plan.Dir},
		{"DEVSTACK_CONTROL", controlSocket(d.plan.Dir)},
		{"DEVSTACK_DOCKER_CONFIG", d.loginsDir()},
		{"HTTPS_PROXY", d.servers.ProxyURL},
		{"NO_PROXY", "127.0.0.1,localhost"},
		{"SSL_CERT_FILE", d.servers.CAFile},
		{"CURL_CA_BUNDLE", d.servers.CAFile},
		{"BUILDX_BUILDER", builderName},
		{"BUILDX_CONFIG", d.builder.configDir()},
		{"GITHUB_API_URL", "https://api.github.com"},
		{"GITHUB_TOKEN", c.GitHubToken.Reveal()},
		{"GITHUB_READ_TOKEN", c.GitHubReadToken.Reveal()},
		{"GHCR_USERNAME", "octocat"},
		{"GHCR_TOKEN", c.GitHubToken.Reveal()},
		{"ACTIONS_ID_TOKEN_REQUEST_URL", d.servers.IDTokenRequestURL},
		{"ACTIONS_ID_TOKEN_REQUEST_TOKEN", c.IDTokenRequestToken.Reveal()},
		{"DOCKERHUB_URL", "https://hub.docker.com"},
		{"DOCKERHUB_USERNAME", c.DockerHubUser},
		{"DOCKERHUB_TOKEN", c.DockerHubToken.Reveal()},
		{"DOCKERHUB_WRITE_TOKEN", c.DockerHubWriteToken.Reveal()},
		{"DOCKERHUB_READ_TOKEN", c.DockerHubReadToken.Reveal()},
		{"SIGSTORE_TRUSTED_ROOT", s.path("trusted_root.json")},
		{"SIGSTORE_SIGNING_CONFIG", s.path("signing_config.json")},
		{"SIGSTORE_SIGNING_CONFIG_V1", s.path("signing_config.v1.json")},
		{"FULCIO_URL", "http://" + s.fulcio},
		{"REKOR_URL", "http://" + s.rekor},
		{"REKOR_TILES_URL", "http://" + s.tiles[0]},
		{"TSA_URL", s.timestampURL()},
		{"CTLOG_URL", "http://" + s.ctlog},
	}
}
