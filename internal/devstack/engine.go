package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// enginePlan is what the daemon needs to start a Docker engine.
type enginePlan struct {
	Programs  map[string]string // name → path
	Libraries []string          // folders
	Tables    string            // folder of iptables' extensions
	Images    map[string]string // to push: reference → OCI layout
}

// enginePrograms are what a Docker engine is made of: the name that it is
// called by, and where it is in Debian's or Ubuntu's packages.
var enginePrograms = []struct {
	name            string
	packages, paths []string
}{
	{"docker", []string{"docker.io", "docker-cli"}, []string{"usr/bin/docker"}},
	{"dockerd", []string{"docker.io"}, []string{"usr/sbin/dockerd", "usr/bin/dockerd"}},
	{"docker-proxy", []string{"docker.io"}, []string{"usr/sbin/docker-proxy", "usr/bin/docker-proxy"}},
	{"docker-init", []string{"tini"}, []string{"usr/bin/tini-static"}},
	{"containerd", []string{"containerd"}, []string{"usr/bin/containerd"}},
	{"containerd-shim-runc-v2", []string{"containerd"}, []string{"usr/bin/containerd-shim-runc-v2"}},
	{"runc", []string{"runc"}, []string{"usr/sbin/runc"}},
	// Only inside of containers' networks, to lead to the resolver of names.
	{"iptables", []string{"iptables"}, []string{"usr/sbin/xtables-nft-multi"}},
	{"ip6tables", []string{"iptables"}, []string{"usr/sbin/xtables-nft-multi"}},
}

// engineLibraries are the packages of libraries that a machine without an
// engine may lack.
var engineLibraries = []string{
	"iptables", "libdevmapper1.02.1", "libip4tc2", "libip6tc2", "libxtables12",
	"libmnl0", "libnetfilter-conntrack3", "libnfnetlink0", "libnftnl11",
}

// engine returns the plan of an engine that is unpacked in the cache.
func (d *debian) engine(ctx context.Context) (enginePlan, error) {
	p := enginePlan{Programs: map[string]string{}}
	for _, program := range enginePrograms {
		var errs []error
		for _, path := range program.paths {
			file, err := d.program(ctx, path, program.packages...)
			if err == nil {
				p.Programs[program.name] = file
				break
			}
			errs = append(errs, err)
		}
		if p.Programs[program.name] == "" {
			return enginePlan{}, errors.Join(errs...)
		}
	}
	for _, name := range engineLibraries {
		root, err := d.fetch(ctx, name)
		if err != nil {
			return enginePlan{}, err
		}
		for _, pattern := range []string{"lib/*-linux-gnu*", "usr/lib/*-linux-gnu*"} {
			found, err := filepath.Glob(filepath.Join(root, pattern))
			if err != nil {
				return enginePlan{}, err
			}
			p.Libraries = append(p.Libraries, found...)
			for _, dir := range found {
				if tables := filepath.Join(dir, "xtables"); name == "iptables" && isDir(tables) {
					p.Tables = tables
				}
			}
		}
	}
	return p, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func engineDir(dir string) string    { return filepath.Join(dir, "engine") }
func engineSocket(dir string) string { return filepath.Join(engineDir(dir), "docker.sock") }
func engineEnv(dir string) string    { return filepath.Join(engineDir(dir), "env") }

// engine returns a Docker engine as a part. It has no network by default, and
// changes none of the machine's but for the bridges of networks that are made
// in it: a container reaches what the world serves with --network=host.
//
// https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
func (d *daemon) engine(p enginePlan) (*part, error) {
	dir := engineDir(d.plan.Dir)
	programs := filepath.Join(dir, "programs")
	if err := errors.Join(os.RemoveAll(programs), os.MkdirAll(programs, 0o700)); err != nil {
		return nil, err
	}
	for name, path := range p.Programs {
		if err := os.Symlink(path, filepath.Join(programs, name)); err != nil {
			return nil, err
		}
	}
	withheld, err := withheldCapabilities()
	if err != nil {
		return nil, err
	}
	if len(withheld) > 0 {
		runc := filepath.Join(programs, "runc")
		if err := errors.Join(os.Remove(runc), os.WriteFile(runc, []byte(modestRunc(p.Programs["runc"], withheld)), 0o700)); err != nil {
			return nil, err
		}
	}
	config, err := json.MarshalIndent(map[string]any{
		"hosts":               []string{"unix://" + engineSocket(d.plan.Dir)},
		"data-root":           filepath.Join(dir, "root"),
		"exec-root":           filepath.Join(dir, "run"),
		"pidfile":             filepath.Join(dir, "pid"),
		"cgroup-parent":       "/" + ownName,
		"bridge":              "none",
		"iptables":            false,
		"ip6tables":           false,
		"ip-forward":          false,
		"ip-masq":             false,
		"deprecated-key-path": filepath.Join(dir, "key.json"),
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "daemon.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	if err := checkSocketPath(filepath.Join(dir, "run", "containerd", "containerd-debug.sock")); err != nil {
		return nil, err
	}
	return &part{
		name:    "docker",
		command: []string{p.Programs["dockerd"], "--config-file", file},
		env: []string{
			"PATH=" + programs + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + dir,
			"LD_LIBRARY_PATH=" + strings.Join(p.Libraries, ":"), "XTABLES_LIBDIR=" + p.Tables,
			"HTTPS_PROXY=" + d.servers.ProxyURL, "SSL_CERT_FILE=" + d.servers.CAFile,
		},
		isolated: true,
		ready:    dials("unix", engineSocket(d.plan.Dir)),
	}, nil
}

// startEngine starts the engine, unless it runs, and writes its env file.
func (d *daemon) startEngine(ctx context.Context, p enginePlan) error {
	dir := engineDir(d.plan.Dir)
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o700); err != nil {
		return err
	}
	part, err := d.engine(p)
	if err != nil {
		return err
	}
	if err := noteBridges(d.plan.Cache); err != nil {
		return err
	}
	if err := d.parts.ensure(ctx, part); err != nil {
		return err
	}
	if err := d.pushImages(ctx, p.Images); err != nil {
		return err
	}
	client := filepath.Join(dir, "bin", "docker")
	if err := os.Symlink(p.Programs["docker"], client); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return writeEngineEnv(d.plan.Dir, variable{"DOCKER_HOST", "unix://" + engineSocket(d.plan.Dir)}, variable{"DEVSTACK_DOCKER", client})
}

// writeEngineEnv writes what a shell needs beside the world's own variables.
func writeEngineEnv(dir string, vars ...variable) error {
	if err := os.MkdirAll(engineDir(dir), 0o700); err != nil {
		return err
	}
	var text strings.Builder
	for _, v := range vars {
		fmt.Fprintf(&text, "export %s='%s'\n", v.name, strings.ReplaceAll(v.value, "'", `'\''`))
	}
	text.WriteString(`export PATH="${DEVSTACK_DOCKER%/*}:$PATH"` + "\n")
	return os.WriteFile(engineEnv(dir), []byte(text.String()), 0o600)
}

// machineEngine writes the env file for an engine that isn't the world's.
func machineEngine(dir string) error {
	client, err := exec.LookPath("docker")
	if err != nil {
		return err
	}
	return writeEngineEnv(dir, variable{"DEVSTACK_DOCKER", client})
}

// dockerBridge is how an engine names the bridges of its networks.
var dockerBridge = regexp.MustCompile(`^br-[0-9a-f]{12}$`)

func bridgesFile(cache string) string { return filepath.Join(cache, "bridges") }

// noteBridges writes down the bridges that are not the world's: an engine
// leaves those of its networks behind, and nothing tells whose they are.
func noteBridges(cache string) error {
	if isFile(bridgesFile(cache)) {
		return nil
	}
	names, err := bridges()
	if err != nil {
		return err
	}
	text, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return os.WriteFile(bridgesFile(cache), text, 0o600)
}

func bridges() ([]string, error) {
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, e := range entries {
		if dockerBridge.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// removeBridges removes the bridges that an engine of ours left.
func removeBridges(cache string) error {
	text, err := os.ReadFile(bridgesFile(cache))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var others []string
	if err := json.Unmarshal(text, &others); err != nil {
		return fmt.Errorf("read %q: %w", bridgesFile(cache), err)
	}
	names, err := bridges()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(others, name) {
			if err := removeBridge(name); err != nil {
				return fmt.Errorf("remove bridge %q: %w", name, err)
			}
		}
	}
	return os.Remove(bridgesFile(cache))
}

func removeBridge(name string) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket) //nolint:errcheck // nothing was sent
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	// It must be down.
	request.SetUint16(0)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return err
	}
	// The name is the first field of a request.
	return unix.IoctlIfreq(socket, unix.SIOCBRDELBR, request)
}
