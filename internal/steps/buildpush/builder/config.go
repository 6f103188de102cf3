package builder

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Images that are started where none is given, pinned by digest.
const (
	DefaultBuildKit = "docker.io/moby/buildkit:v0.30.0@sha256:0168606be2315b7c807a03b3d8aa79beefdb31c98740cebdffdfeebf31190c9f"
	DefaultBinfmt   = "docker.io/tonistiigi/binfmt:qemu-v10.2.3@sha256:400a4873b838d1b89194d982c45e5fb3cda4593fbfd7e08a02e76b03b21166f0"
)

// NoBinfmt is the value of the input binfmt-image that leaves emulation out.
const NoBinfmt = "none"

// Driver is how buildx runs BuildKit.
//
// https://docs.docker.com/build/builders/drivers/
type Driver string

// The drivers that a builder can be made with.
const (
	Container  Driver = "docker-container"
	Remote     Driver = "remote"
	Kubernetes Driver = "kubernetes"
	// dockerDriver is the engine's own builder, which is never made.
	dockerDriver = "docker"
)

// UnmarshalText takes one of the drivers.
func (d *Driver) UnmarshalText(text []byte) error {
	*d = Driver(text)
	switch *d {
	case Container, Remote, Kubernetes:
		return nil
	case dockerDriver:
		return hint.New(`the driver "docker" can't push an image by its digest`, "leave the input out, or write %q", Container)
	}
	return hint.Wrap(fmt.Errorf("there is no driver %q", text), "write %q, %q or %q", Container, Remote, Kubernetes)
}

// Config holds the inputs that name or describe a builder. Those that
// docker/setup-buildx-action has, too, have its names and syntax, except for
// its platforms, which are a node's.
type Config struct {
	Name          string           `input:"builder"`
	Driver        Driver           `input:"driver"`
	DriverOpts    []string         `input:"driver-opts"`
	Endpoint      string           `input:"endpoint"`
	NodePlatforms []image.Platform `input:"node-platforms,comma"`
	Flags         string           `input:"buildkitd-flags"`
	// Append are the nodes beside the first one, which the inputs above describe.
	Append Nodes `input:"append"`
	// File is a buildkitd.toml, Inline the text of one.
	File    string   `input:"buildkitd-config"`
	Inline  string   `input:"buildkitd-config-inline"`
	Mirrors []Mirror `input:"mirrors"`
	// BinfmtImage installs QEMU; none with NoBinfmt.
	BinfmtImage string `input:"binfmt-image"`
}

func (c Config) driver() Driver {
	if c.Driver == "" {
		return Container
	}
	return c.Driver
}

// first is the node that the inputs describe.
func (c Config) first() Node {
	return Node{Endpoint: c.Endpoint, DriverOpts: c.DriverOpts, Flags: c.Flags, Platforms: c.NodePlatforms}
}

// described returns the inputs that are given and describe a builder to make.
func (c Config) described() []string {
	var given []string
	for _, in := range []struct {
		name  string
		given bool
	}{
		{"driver", c.Driver != ""},
		{"driver-opts", len(c.DriverOpts) > 0},
		{"endpoint", c.Endpoint != ""},
		{"node-platforms", len(c.NodePlatforms) > 0},
		{"buildkitd-flags", c.Flags != ""},
		{"append", len(c.Append) > 0},
		{"buildkitd-config", c.File != ""},
		{"buildkitd-config-inline", c.Inline != ""},
		{"mirrors", len(c.Mirrors) > 0},
	} {
		if in.given {
			given = append(given, in.name)
		}
	}
	return given
}

// Validate checks the rules across inputs.
func (c Config) Validate() error {
	var errs []error
	refuse := func(mend, format string, args ...any) {
		errs = append(errs, hint.New(fmt.Sprintf(format, args...), "%s", mend))
	}
	if given := c.described(); c.Name != "" && len(given) > 0 {
		refuse(`leave out "builder", or the inputs that describe one`,
			"input \"builder\" names a builder that is there, and \"%s\" describe one to make", strings.Join(given, `", "`))
	}
	if c.File != "" && c.Inline != "" {
		refuse("leave one of them out", "inputs \"buildkitd-config\" and \"buildkitd-config-inline\" are both given")
	}
	configured := c.File != "" || c.Inline != "" || len(c.Mirrors) > 0
	if c.driver() == Remote && configured {
		refuse("configure that buildkitd where it is started",
			"inputs \"buildkitd-config\", \"buildkitd-config-inline\" and \"mirrors\" have no effect on a BuildKit that runs already (driver: remote)")
	}
	for i, m := range c.Mirrors {
		if slices.Contains(c.Mirrors[:i], m) {
			refuse("leave one of them out", "input \"mirrors\": \"%s=%s\" is given twice", m.Host, m.Mirror)
		}
	}
	for i, n := range slices.Concat([]Node{c.first()}, c.Append) {
		where := func(input string) string {
			if i == 0 {
				return fmt.Sprintf("input %q", input)
			}
			return fmt.Sprintf("input \"append\": node %d: %s", i, input)
		}
		switch {
		case c.driver() == Remote && n.Endpoint == "":
			refuse(`write where BuildKit listens: "tcp://buildkit.example.com:1234", "unix:///run/buildkit/buildkitd.sock"`, "%s is missing, which the driver remote needs", where("endpoint"))
		case c.driver() == Kubernetes && n.Endpoint != "":
			refuse(`leave it out: the cluster is the current one of kubectl; the namespace goes into "driver-opts"`, "%s: the driver kubernetes takes none", where("endpoint"))
		case strings.HasPrefix(n.Endpoint, "-"):
			refuse(`write a URL, or the name of a docker context`, "%s: %q is no endpoint", where("endpoint"), n.Endpoint)
		}
		if c.driver() == Remote && n.Flags != "" {
			refuse("start that buildkitd with these flags", "%s has no effect on a BuildKit that runs already (driver: remote)", where("buildkitd-flags"))
		}
		for j, opt := range n.DriverOpts {
			// It may hold a secret, and isn't shown.
			if key, _, ok := strings.Cut(opt, "="); !ok || key == "" {
				refuse(`write one "name=value" a line, as in "network=host"`, "%s: item %d is not name=value", where("driver-opts"), j+1)
			}
		}
		if n.Name != "" && slices.ContainsFunc(c.Append[:max(0, i-1)], func(other Node) bool { return other.Name == n.Name }) {
			refuse("give each node a name of its own, or none", "%s: %q is given twice", where("name"), n.Name)
		}
	}
	return errors.Join(errs...)
}

// create returns the arguments of buildx that make the builder, one command
// for each node.
//
// https://docs.docker.com/reference/cli/docker/buildx/create/
func (c Config) create(name, config string) (commands [][]string) {
	for i, n := range slices.Concat([]Node{c.first()}, c.Append) {
		args := []string{"create", "--name=" + name, "--driver=" + string(c.driver())}
		if i > 0 {
			args = append(args, "--append")
		}
		if n.Name != "" {
			args = append(args, "--node="+n.Name)
		}
		opts := n.DriverOpts
		if c.driver() != Remote && !slices.ContainsFunc(opts, setsImage) {
			opts = append([]string{"image=" + DefaultBuildKit}, opts...)
		}
		for _, opt := range opts {
			args = append(args, "--driver-opt="+opt)
		}
		if n.Flags != "" {
			args = append(args, "--buildkitd-flags="+n.Flags)
		}
		if len(n.Platforms) > 0 {
			args = append(args, "--platform="+join(n.Platforms, ","))
		}
		if config != "" {
			args = append(args, "--buildkitd-config="+config)
		}
		if n.Endpoint != "" {
			args = append(args, n.Endpoint)
		}
		commands = append(commands, args)
	}
	return commands
}

// setsImage reports whether a driver option, which may be several as one record
// of CSV, names the image of BuildKit.
func setsImage(opt string) bool {
	fields, err := csv.NewReader(strings.NewReader(opt)).Read()
	if err != nil {
		fields = []string{opt} // buildx will refuse it
	}
	return slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(strings.TrimSpace(f), "image=") })
}

func join(platforms []image.Platform, separator string) string {
	names := make([]string, len(platforms))
	for i, p := range platforms {
		names[i] = p.String()
	}
	return strings.Join(names, separator)
}
