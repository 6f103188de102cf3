package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
)

// tool is a program that is built from a pinned module below tools/.
type tool struct {
	name    string
	group   string
	module  string // folder below tools/
	pkg     string // import path, or ./folder for a program of ours
	version string // variable that holds the version, for programs that ask
	bare    bool   // the version is without its "v"
	env     string // a further variable for the compiler
	deb     string // a Debian package that has it, in place of a module
}

// The groups. Only world is needed by Up.
const (
	groupWorld  = "world"  // what up starts
	groupRunner = "runner" // runs workflows
	groupJudges = "judges" // others' programs that check what was published
	groupScan   = "scan"   // looks for vulnerabilities
	groupLint   = "lint"
	groupMore   = "more" // for tests of their own
)

var tools = []tool{
	{name: "fulcio", group: groupWorld, module: "sigstore", pkg: "./fulcio"},
	{name: "trillian", group: groupWorld, module: "sigstore", pkg: "./trillian"},
	{name: "rekor", group: groupWorld, module: "sigstore", pkg: "./rekor"},
	{name: "rekor-tiles", group: groupWorld, module: "sigstore", pkg: "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix"},
	{name: "ctlog", group: groupWorld, module: "sigstore", pkg: "./ctlog"},
	{name: "timestamp", group: groupWorld, module: "sigstore", pkg: "./timestamp"},
	{name: "buildkitd", group: groupWorld, module: "build", pkg: "github.com/moby/buildkit/cmd/buildkitd", version: "github.com/moby/buildkit/version.Version"},
	{name: "dockerfile-frontend", group: groupWorld, module: "build", pkg: "github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend", version: "github.com/moby/buildkit/version.Version"},
	{name: "docker-buildx", group: groupWorld, module: "build", pkg: "github.com/docker/buildx/cmd/buildx", version: "github.com/docker/buildx/version.Version"},
	{name: "trivy-db", group: groupWorld, module: "trivy", pkg: "./trivy-db"},
	{name: "buildctl", group: groupRunner, module: "build", pkg: "github.com/moby/buildkit/cmd/buildctl", version: "github.com/moby/buildkit/version.Version"},
	{name: "act", group: groupRunner, module: "lint", pkg: "github.com/nektos/act"},
	{name: "github-script", group: groupRunner, module: "script", pkg: "./"},
	{name: "crane", group: groupJudges, module: "sigstore", pkg: "github.com/google/go-containerregistry/cmd/crane"},
	{name: "cosign2", group: groupJudges, module: "sigstore", pkg: "github.com/sigstore/cosign/v2/cmd/cosign"},
	{name: "cosign3", group: groupJudges, module: "sigstore", pkg: "github.com/sigstore/cosign/v3/cmd/cosign"},
	// The last one that knows no bundles; of its own module, since a module has one version of each.
	{name: "cosign262", group: groupJudges, module: "cosign", pkg: "github.com/sigstore/cosign/v2/cmd/cosign"},
	{name: "trivy", group: groupScan, module: "trivy", pkg: "github.com/aquasecurity/trivy/cmd/trivy", version: "github.com/aquasecurity/trivy/pkg/version/app.ver", bare: true, env: "GOEXPERIMENT=jsonv2"},
	{name: "gh", group: groupMore, module: "gh", pkg: "github.com/cli/cli/v2/cmd/gh", version: "github.com/cli/cli/v2/internal/build.Version"},
	{name: "docker-compose", group: groupMore, module: "compose", pkg: "github.com/docker/compose/v2/cmd", version: "github.com/docker/compose/v2/internal.Version"},
	{name: "syft", group: groupMore, module: "syft", pkg: "github.com/anchore/syft/cmd/syft", version: "main.version"},
	{name: "actionlint", group: groupLint, module: "lint", pkg: "github.com/rhysd/actionlint/cmd/actionlint"},
	{name: "shellcheck", group: groupLint, deb: "shellcheck"},
	{name: "golangci-lint", group: groupLint, module: "golangci", pkg: "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"},
}

// scanner runs inside of builds only, and is built from this module. It isn't
// among the tools since its key changes with every dependency of ours.
var scanner = tool{name: "scanner", module: filepath.Join("..", "..", ".."), pkg: "./internal/devstack/scanner"}

// selectTools returns the tools that names name: tools or groups.
func selectTools(names []string) ([]tool, error) {
	var selected []tool
	for _, t := range tools {
		if slices.Contains(names, t.name) || slices.Contains(names, t.group) {
			selected = append(selected, t)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(tools, func(t tool) bool { return t.name == name || t.group == name }) {
			var known []string
			for _, t := range tools {
				known = append(known, t.name)
			}
			return nil, hint.Wrap(fmt.Errorf("no tool or group %q", name),
				"groups are %s, %s, %s, %s, %s and %s; tools are %s", groupWorld, groupRunner, groupJudges, groupScan, groupLint, groupMore, strings.Join(known, ", "))
		}
	}
	return selected, nil
}

// toolbox builds tools into a cache and links them into one folder.
type toolbox struct {
	sources string // the folder tools/ of a checkout
	cache   string
	log     io.Writer
}

// moduleVersion returns the version that goMod, the text of a go.mod, requires
// of the module that holds pkg.
func moduleVersion(goMod, pkg string) string {
	var path, version string
	for line := range strings.Lines(goMod) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) < 2 || !strings.HasPrefix(pkg+"/", fields[0]+"/") || len(fields[0]) < len(path) {
			continue
		}
		path, version = fields[0], fields[1]
	}
	return version
}

// key names the build of t that its module's files, its own sources and the
// compiler determine: NAME-VERSION-HASH.
func (b *toolbox) key(t tool) (key, ldflags string, err error) {
	dir := filepath.Join(b.sources, t.module)
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", "", err
	}
	files := []string{filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")}
	if strings.HasPrefix(t.pkg, "./") {
		own, err := filepath.Glob(filepath.Join(dir, t.pkg, "*.go"))
		if err != nil {
			return "", "", err
		}
		files = append(files, own...)
	}
	ldflags = "-s -w"
	version := moduleVersion(string(goMod), t.pkg)
	if t.version != "" {
		linked := version
		if t.bare {
			linked = strings.TrimPrefix(version, "v")
		}
		ldflags += " -X " + t.version + "=" + linked
	}
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH, t.pkg, ldflags+t.env)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", "", err
		}
		fmt.Fprintf(sum, "%s %x\n", filepath.Base(file), sha256.Sum256(content))
	}
	key = t.name
	if version != "" {
		key += "-" + version
	}
	return key + "-" + hex.EncodeToString(sum.Sum(nil))[:12], ldflags, nil
}

// path returns where t is once it is built.
func (b *toolbox) path(t tool) (string, error) {
	if t.deb != "" {
		// Empty where it isn't fetched yet.
		found, err := filepath.Glob(filepath.Join(b.debian().cache, t.deb+"_*", "usr/bin", t.name))
		return strings.Join(found[:min(1, len(found))], ""), err
	}
	key, _, err := b.key(t)
	return filepath.Join(b.cache, key, t.name), err
}

// debian keeps its packages beside the tools.
func (b *toolbox) debian() *debian {
	return &debian{filepath.Join(filepath.Dir(b.cache), "debian"), b.log}
}

// build builds what is missing of selected, and returns the folder that holds
// links to these and all other tools built so far.
func (b *toolbox) build(ctx context.Context, selected ...tool) (bin string, err error) {
	byModule := map[string][]tool{}
	for _, t := range selected {
		byModule[t.module] = append(byModule[t.module], t)
	}
	// Modules share few packages, the tools of one share most: so modules at once, tools in a row.
	g, ctx := errgroup.WithContext(ctx)
	for _, ts := range byModule {
		g.Go(func() error {
			for _, t := range ts {
				if err := b.buildOne(ctx, t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	return b.link()
}

func (b *toolbox) buildOne(ctx context.Context, t tool) error {
	if t.deb != "" {
		if _, err := exec.LookPath(t.name); err == nil {
			return nil // the machine's own will do, where there is no Debian
		}
		_, err := b.debian().fetch(ctx, t.deb)
		return err
	}
	key, ldflags, err := b.key(t)
	if err != nil {
		return err
	}
	target := filepath.Join(b.cache, key, t.name)
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	label := strings.Join(strings.Split(key, "-")[:strings.Count(key, "-")], " ")
	start := time.Now()
	fmt.Fprintf(b.log, "building %s (first time only) ...\n", label)
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(b.cache, ".building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // renamed away when all went well
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags="+ldflags, "-o", filepath.Join(tmp, t.name), t.pkg)
	cmd.Dir = filepath.Join(b.sources, t.module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if t.env != "" {
		cmd.Env = append(cmd.Env, t.env)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", label, err, out)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	// Where another process was faster, its result stays.
	if err := os.Rename(tmp, filepath.Dir(target)); err != nil {
		if _, statErr := os.Stat(target); statErr != nil {
			return err
		}
	}
	fmt.Fprintf(b.log, "built %s in %.0f s\n", label, time.Since(start).Seconds())
	return nil
}

// link makes a folder of links to all tools of this checkout that are built.
// Its name tells the set apart, so that two checkouts don't disturb each other.
func (b *toolbox) link() (bin string, err error) {
	sum := sha256.New()
	targets := map[string]string{}
	for _, t := range tools {
		target, err := b.path(t)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, target)
		targets[t.name] = target
	}
	bin = filepath.Join(b.cache, "bin-"+hex.EncodeToString(sum.Sum(nil))[:12])
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	for name, target := range targets {
		if _, err := os.Stat(target); err != nil {
			continue
		}
		if err := os.Symlink(target, filepath.Join(bin, name)); err != nil && !os.IsExist(err) {
			return "", err
		}
	}
	return bin, nil
}
