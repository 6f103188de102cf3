package builder

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

const emulationMend = `build natively on a runner or node of that kind, or cross-compile in a stage that says FROM --platform=$BUILDPLATFORM`

// provide sees to it that the platforms can be built for. Where programs of
// one run nowhere, QEMU is installed on this machine if one of the nodes is on
// it. Elsewhere that can't be done from here, and need not be: a build that
// cross-compiles runs nothing of the platform that it is for.
func (b *Builder) provide(ctx context.Context, cfg Config, platforms []image.Platform) error {
	var emulated []image.Platform
	for _, p := range platforms {
		if b.emulates(p) {
			emulated = append(emulated, p)
		}
	}
	if b.lacking = lack(b.nodes, platforms); len(b.lacking) > 0 {
		local, err := b.localNode(ctx)
		if err != nil {
			return err
		}
		if cfg.BinfmtImage == NoBinfmt || local == nil {
			b.deps.Log.Warn(fmt.Sprintf("no node runs programs for %s (%s): a build that runs any fails, and one that cross-compiles does not", join(b.lacking, ", "), describe(b.nodes)))
		} else {
			emulated = append(emulated, b.lacking...)
			if err := b.emulate(ctx, *local, cfg.BinfmtImage); err != nil {
				return err
			}
		}
	}
	return b.checkEmulated(ctx, emulated)
}

// lackMend is the mend for a build that ran a program which no node runs.
func (b *Builder) lackMend() string {
	return fmt.Sprintf("no node of builder %q runs programs for %s (%s): add one that does (\"append\"), or install QEMU's handlers where the nodes run",
		b.Name, join(b.lacking, ", "), describe(b.nodes))
}

// localNode returns the first node that an engine on this machine runs, with
// the URL of the engine as its endpoint, or nil.
func (b *Builder) localNode(ctx context.Context) (*node, error) {
	for _, n := range b.nodes {
		if n.driver != string(Container) && n.driver != dockerDriver {
			continue
		}
		var err error
		if n.endpoint, err = b.engine(ctx, n.endpoint); err != nil {
			return nil, err
		}
		if strings.HasPrefix(n.endpoint, "unix://") {
			return &n, nil
		}
	}
	return nil, nil
}

// engine returns the URL of an engine, which buildx names so or by one of
// docker's contexts.
func (b *Builder) engine(ctx context.Context, endpoint string) (string, error) {
	switch {
	case strings.Contains(endpoint, "://"):
		return endpoint, nil
	case endpoint == "default" && b.deps.variable("DOCKER_HOST") != "":
		return b.deps.variable("DOCKER_HOST"), nil
	case endpoint == "default":
		return "unix:///var/run/docker.sock", nil
	}
	docker, err := b.deps.LookPath("docker")
	if err != nil {
		return "", nil //nolint:nilerr // nothing else knows the contexts; it counts as somewhere else
	}
	url, err := b.run(ctx, fmt.Sprintf("look up docker's context %q", endpoint), b.deps.Env,
		[]string{docker, "context", "inspect", "--format={{.Endpoints.docker.Host}}", endpoint})
	return strings.TrimSpace(url), err
}

// emulate installs QEMU's handlers for what is lacking.
func (b *Builder) emulate(ctx context.Context, local node, binfmtImage string) error {
	if binfmtImage == "" {
		binfmtImage = DefaultBinfmt
	}
	var archs []string
	for _, p := range b.lacking {
		if _, ok := emulatable[p.Arch]; !ok || p.OS != "linux" {
			return hint.Wrap(fmt.Errorf("platform %q: no node runs it, and QEMU does not either (%s)", p, describe(b.nodes)), "add a node that runs it (\"append\"), or leave it out of \"platforms\"")
		}
		if !slices.Contains(archs, p.Arch) {
			archs = append(archs, p.Arch)
		}
	}
	if err := b.checkHandlers(archs, false); err != nil {
		return err
	}
	b.deps.Log.Info("installing QEMU's handlers on this machine", "for", strings.Join(archs, ","), "image", binfmtImage)
	docker, err := b.deps.LookPath("docker")
	if err != nil {
		return b.withoutEmulation(hint.Wrap(fmt.Errorf("no node runs programs for %s, and there is no docker here to install QEMU with", join(b.lacking, ", ")),
			"install docker's command line, or %s", emulationMend))
	}
	command := []string{docker, "--host=" + local.endpoint, "run", "--rm", "--privileged", binfmtImage, "--install", strings.Join(archs, ",")}
	var said bytes.Buffer
	if err := b.deps.Exec(ctx, b.deps.Env, command, &said, &said); err != nil {
		return b.withoutEmulation(explain(ctx, "install QEMU's handlers", err, said.String()))
	}
	// It succeeds whatever becomes of the handlers.
	if err := b.checkHandlers(archs, true); err != nil {
		return fmt.Errorf("install QEMU's handlers: %w\n%s", err, quote(said.String()))
	}
	all, err := b.list(ctx)
	if err != nil {
		return err
	}
	if err := b.learn(all); err != nil {
		return err
	}
	if left := lack(b.nodes, b.lacking); len(left) > 0 {
		return b.withoutEmulation(hint.Wrap(
			fmt.Errorf("install QEMU's handlers: %s still can't run programs for %s\n%s", describe(b.nodes), join(left, ", "), quote(said.String())),
			"the engine must be allowed to run privileged containers and its kernel must have binfmt_misc: \"mount -t binfmt_misc binfmt_misc %s\"", b.deps.BinfmtDir))
	}
	b.lacking = nil
	return nil
}

func (b *Builder) withoutEmulation(err error) error {
	return hint.Wrap(err, `where the Dockerfile cross-compiles and runs nothing of the platform, "binfmt-image: %s" leaves emulation out`, NoBinfmt)
}

// checkHandlers refuses handlers of the architectures that can't be relied on,
// and, with needed, absent ones. Where they can't be seen it refuses nothing:
// what the nodes then say that they run is all there is to know.
func (b *Builder) checkHandlers(archs []string, needed bool) error {
	all, visible, err := handlers(b.deps.BinfmtDir)
	if err != nil || !visible {
		return err
	}
	for _, arch := range archs {
		h, ok := all[arch]
		if !ok && needed {
			return fmt.Errorf("there is none for %s", arch)
		}
		if fault := h.fault(); ok && fault != "" {
			return hint.Wrap(fmt.Errorf("the kernel's handler %q for %s %s", h.name, arch, fault),
				"remove it before this step, which then installs a sound one: \"docker run --privileged --rm %s --uninstall %s\"", DefaultBinfmt, h.name)
		}
	}
	return nil
}

// checkEmulated tells that the platforms are emulated, and what that costs.
func (b *Builder) checkEmulated(ctx context.Context, emulated []image.Platform) error {
	if len(emulated) == 0 {
		return nil
	}
	local, err := b.localNode(ctx)
	if err != nil {
		return err
	}
	if local != nil {
		var archs []string
		for _, p := range emulated {
			archs = append(archs, p.Arch)
		}
		if err := b.checkHandlers(archs, false); err != nil {
			return err
		}
	}
	b.deps.Log.Warn(fmt.Sprintf("emulated by QEMU: %s. What runs there, such as a compiler, takes 5 to 10 times as long: %s", join(emulated, ", "), emulationMend))
	return nil
}

// emulates reports whether p runs on some node, and on none without QEMU.
func (b *Builder) emulates(p image.Platform) bool {
	somewhere := false
	for _, n := range b.nodes {
		if !n.has(p) {
			continue
		}
		if native(n.platforms[0], p) {
			return false
		}
		somewhere = true
	}
	return somewhere
}
