package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ownName is on everything that lives outside of the world's folder: kernel
// handlers, mounts, control groups, the builder. What a killed world left is
// told from the machine's own by it alone.
const ownName = "release-actions"

const (
	builderName = ownName
	// What the docker-container driver names the builder's container.
	builderContainer = "buildx_buildkit_" + builderName + "0"
	// Where a Docker engine answers, it runs this.
	buildkitImage = "moby/buildkit:v0.30.0@sha256:0168606be2315b7c807a03b3d8aa79beefdb31c98740cebdffdfeebf31190c9f"
)

// dockerAnswers reports whether there is a Docker engine to build with.
func dockerAnswers(ctx context.Context) bool {
	// Some clients exit 0 without an engine, and leave its version empty.
	out, err := exec.CommandContext(ctx, "docker", "info", "--format", "{{.ServerVersion}}").Output()
	return err == nil && strings.TrimSpace(string(out)) != ""
}

// builder is a BuildKit and the buildx builder that leads to it.
type builder struct {
	buildx string // program
	dir    string // of its sockets and configuration
	env    []string
	proxy  string // URL
	ca     string // file
}

// configDir is BUILDX_CONFIG, where buildx keeps its builders.
func (b *builder) configDir() string { return filepath.Join(b.dir, "buildx") }

// node is one buildkitd. The world's own has no name.
type node struct {
	Name      string
	Platforms []string // what it says it builds for; what it finds out where empty
	Program   string   // buildkitd
	Runc      string
	Root      string // of its layers
}

// part is the name of a node's part.
func (n node) part() string {
	if n.Name == "" {
		return "buildkitd"
	}
	return "node-" + n.Name
}

func (b *builder) socket(n node) string { return filepath.Join(b.dir, n.part()+".sock") }

// daemon returns a node's buildkitd as a part. Its root outlives the world, so
// that layers built once are there again.
func (b *builder) daemon(n node) (*part, error) {
	config := fmt.Sprintf(`root = %[1]q

[grpc]
  address = ["unix://%[2]s"]

[otel]
  socketPath = %[3]q

[cdi]
  disabled = true

[worker.containerd]
  enabled = false

[worker.oci]
  enabled = true
  binary = %[4]q
  defaultCgroupParent = %[5]q
  # RUN steps reach what the world serves on loopback, and nothing else does.
  networkMode = "host"
  gc = true
  maxUsedSpace = "10GB"
`, n.Root, b.socket(n), filepath.Join(b.dir, n.part()+"-otel.sock"), n.Runc, ownName)
	if len(n.Platforms) > 0 {
		config += fmt.Sprintf("  platforms = [\"%s\"]\n", strings.Join(n.Platforms, `", "`))
	}
	file := filepath.Join(b.dir, n.part()+".toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	// The socket's path is bounded by the kernel.
	if err := checkSocketPath(b.socket(n)); err != nil {
		return nil, err
	}
	return &part{
		name:     n.part(),
		command:  []string{n.Program, "--config", file},
		env:      append([]string{"HTTPS_PROXY=" + b.proxy, "SSL_CERT_FILE=" + b.ca}, b.env...),
		isolated: true,
		ready:    dials("unix", b.socket(n)),
	}, nil
}

// create makes the buildx builder: one that leads to our buildkitd or, with
// docker, one that the engine runs.
func (b *builder) create(ctx context.Context, docker bool) error {
	if !docker {
		return b.run(ctx, "create", "--name", builderName, "--driver", "remote", "unix://"+b.socket(node{}))
	}
	// buildx copies the authority's certificate into the container where a registry names it.
	var config strings.Builder
	config.WriteString("[worker.oci]\n  networkMode = \"host\"\n")
	for _, host := range []string{"docker.io", "registry-1.docker.io", "index.docker.io", "auth.docker.io", "ghcr.io"} {
		fmt.Fprintf(&config, "[registry.%q]\n  ca = [%q]\n", host, b.ca)
	}
	file := filepath.Join(b.dir, "buildkitd.toml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return err
	}
	return b.run(ctx, "create", "--name", builderName, "--driver", "docker-container", "--bootstrap",
		"--driver-opt", "image="+buildkitImage, "--driver-opt", "network=host", "--driver-opt", "env.HTTPS_PROXY="+b.proxy,
		"--buildkitd-config", file)
}

// remove removes what create made of an engine; its volume of layers stays.
func (b *builder) remove(ctx context.Context) error {
	return b.run(ctx, "rm", "--force", "--keep-state", builderName)
}

// removeCgroups removes the control groups of builds, which runc leaves empty.
func removeCgroups(ctx context.Context) error {
	// One hierarchy for all controllers, or one for each.
	var roots []string
	for _, pattern := range []string{"/sys/fs/cgroup/" + ownName, "/sys/fs/cgroup/*/" + ownName} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		roots = append(roots, found...)
	}
	for _, root := range roots {
		var groups []string
		if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return err
		}); err != nil {
			return err
		}
		for _, group := range slices.Backward(groups) {
			if err := removeCgroup(ctx, group); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeCgroup removes one group, which is busy until its last process is reaped.
func removeCgroup(ctx context.Context, group string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		err := syscall.Rmdir(group)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove control group %q: %w", group, err)
		case <-time.After(readyPause):
		}
	}
}

func (b *builder) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, b.buildx, args...)
	cmd.Env = append([]string{"BUILDX_CONFIG=" + b.configDir()}, b.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("buildx %s: %w\n%s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
