package builder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain makes this program a buildx and a docker where the environment says so.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FAKE_DIR"); dir != "" {
		if err := fake(dir, filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "ERROR:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// behaviour is what a test asks of the fakes.
type behaviour struct {
	Own          []entry           // the user's builders
	Platforms    []string          // of every node that is made
	Driver       string            // overrides what ls tells of a made builder
	Fail         map[string]string // first argument → what it says when it fails
	FailTimes    int               // how often it fails; always where 0
	Hang         string            // first argument that hangs until it is interrupted
	Context      string            // what docker's context is
	BinfmtFlags  string            // of the handlers that are installed; none is where ""
	BinfmtSays   string
	BinfmtHidden bool // the handlers take effect, and can't be seen
}

// call is what a fake was given.
type call struct {
	Program string
	Args    []string
	Config  string // BUILDX_CONFIG
	Docker  string // config.json
	Toml    string // the configuration for buildkitd
}

func fake(dir, program string, args []string) error {
	var b behaviour
	text, err := os.ReadFile(filepath.Join(dir, "behaviour.json"))
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return err
	}
	c := call{Program: program, Args: args, Config: os.Getenv("BUILDX_CONFIG")}
	config, _ := os.ReadFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"))
	c.Docker = string(config)
	for _, arg := range args {
		if path, ok := strings.CutPrefix(arg, "--buildkitd-config="); ok {
			toml, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			c.Toml = string(toml)
		}
	}
	times, err := record(dir, c)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "WARNING: a line that is no JSON")
	if said, ok := b.Fail[args[0]]; ok && (b.FailTimes == 0 || times <= b.FailTimes) {
		return errors.New(said)
	}
	if b.Hang == args[0] {
		select {} // until the group is killed
	}
	if program == "docker" {
		return fakeDocker(dir, b, args)
	}
	return fakeBuildx(dir, b, args)
}

// record appends a call and returns how many there were with this first argument.
func record(dir string, c call) (times int, err error) {
	path := filepath.Join(dir, "calls")
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	for line := range bytes.Lines(before) {
		var other call
		if err := json.Unmarshal(line, &other); err != nil {
			return 0, err
		}
		if other.Args[0] == c.Args[0] {
			times++
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	return times + 1, os.WriteFile(path, append(before, append(text, '\n')...), 0o600)
}

// fakeBuildx keeps builders as buildx does: one file each in BUILDX_CONFIG.
func fakeBuildx(dir string, b behaviour, args []string) error {
	instances := filepath.Join(os.Getenv("BUILDX_CONFIG"), "instances")
	switch args[0] {
	case "create":
		return fakeCreate(instances, b, args)
	case "inspect":
		name := args[len(args)-1]
		path := filepath.Join(dir, "running")
		return os.WriteFile(path, fmt.Append(nil, name), 0o600)
	case "rm":
		name := args[len(args)-1]
		if err := os.Remove(filepath.Join(instances, name)); err != nil {
			return fmt.Errorf("failed to find builder %q", name)
		}
		return nil
	case "ls":
		return fakeList(dir, instances, b)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func fakeCreate(instances string, b behaviour, args []string) error {
	var e entry
	name := flagOf(args, "--name")
	path := filepath.Join(instances, name)
	text, err := os.ReadFile(path)
	if slices.Contains(args, "--append") != (err == nil) {
		return fmt.Errorf("existing instance %q: %v", name, err == nil)
	}
	if err == nil {
		if err := json.Unmarshal(text, &e); err != nil {
			return err
		}
	}
	e.Name, e.Driver = name, flagOf(args, "--driver")
	if b.Driver != "" {
		e.Driver = b.Driver
	}
	n := nodeEntry{Name: fmt.Sprintf("%s%d", name, len(e.Nodes)), Endpoint: "default", Platforms: b.Platforms, Status: "inactive"}
	if last := args[len(args)-1]; !strings.HasPrefix(last, "-") && last != "create" {
		n.Endpoint = last
	}
	e.Nodes = append(e.Nodes, n)
	if text, err = json.Marshal(e); err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(instances, 0o700), os.WriteFile(path, text, 0o600))
}

func fakeList(dir, instances string, b behaviour) error {
	all := slices.Clone(b.Own)
	if os.Getenv("BUILDX_CONFIG") == os.Getenv("FAKE_CONFIG") {
		all = append(all, entry{Name: "default", Driver: "docker", Current: !slices.ContainsFunc(all, func(e entry) bool { return e.Current })})
	} else {
		all = nil
	}
	made, _ := filepath.Glob(filepath.Join(instances, "*"))
	for _, path := range made {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return err
		}
		all = append(all, e)
	}
	running, _ := os.ReadFile(filepath.Join(dir, "running"))
	installed, _ := os.ReadFile(filepath.Join(dir, "installed"))
	for _, e := range all {
		for i := range e.Nodes {
			if e.Name == string(running) {
				e.Nodes[i].Status = "running"
			}
			for _, arch := range strings.Fields(string(installed)) {
				e.Nodes[i].Platforms = append(e.Nodes[i].Platforms, "linux/"+arch)
			}
		}
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	return nil
}

func fakeDocker(dir string, b behaviour, args []string) error {
	if args[0] == "context" {
		fmt.Println(b.Context)
		return nil
	}
	if slices.Contains(args, "volume") {
		return nil
	}
	fmt.Println(b.BinfmtSays)
	installed := args[len(args)-1]
	if b.BinfmtFlags == "" && !b.BinfmtHidden {
		return nil
	}
	for _, arch := range strings.Split(installed, ",") {
		if b.BinfmtHidden {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "binfmt", "qemu-"+arch), []byte(handlerText(arch, b.BinfmtFlags, true)), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "installed"), []byte(strings.ReplaceAll(installed, ",", " ")), 0o600)
}

// handlerText is a file of binfmt_misc, as the kernel writes it.
func handlerText(arch, flags string, enabled bool) string {
	e := emulatable[arch]
	header := make([]byte, elfLength)
	copy(header, "\x7fELF")
	header[elfClass], header[elfData] = e.class, e.data
	header[elfMachine+int(e.data)-1] = e.machine
	state := "disabled"
	if enabled {
		state = "enabled"
	}
	return fmt.Sprintf("%s\ninterpreter /usr/bin/qemu-%s\nflags: %s\noffset 0\nmagic %x\nmask ffffffffffffff00\n", state, arch, flags, header)
}

func flagOf(args []string, name string) string {
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value
		}
	}
	return ""
}

// world is a machine with a fake buildx and a fake docker.
type world struct {
	dir  string
	deps Deps
	log  bytes.Buffer
}

func newWorld(t *testing.T, b behaviour) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(w.dir, "private")
	for _, dir := range []string{"private/docker", "config", "binfmt"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(w.dir, dir), 0o700))
	}
	err = errors.Join(err,
		os.WriteFile(filepath.Join(w.dir, "behaviour.json"), text, 0o600),
		os.WriteFile(filepath.Join(private, "docker", "config.json"), []byte(`{"auths":{}}`), 0o600),
		os.WriteFile(filepath.Join(w.dir, "binfmt", "register"), nil, 0o600),
		os.WriteFile(filepath.Join(w.dir, "binfmt", "status"), []byte("enabled\n"), 0o600),
		os.Symlink(self, filepath.Join(w.dir, "docker")),
		os.Symlink(self, filepath.Join(w.dir, "docker-buildx")),
	)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(w.dir, "config")
	w.deps = Deps{
		Buildx: []string{filepath.Join(w.dir, "docker-buildx")},
		LookPath: func(name string) (string, error) {
			if name == "docker" {
				return filepath.Join(w.dir, "docker"), nil
			}
			return "", errors.New("not found")
		},
		Env:       []string{"FAKE_DIR=" + w.dir, "FAKE_CONFIG=" + config, "BUILDX_CONFIG=" + config, "DOCKER_CONFIG=" + filepath.Join(private, "docker")},
		Dir:       private,
		Exec:      execute,
		BinfmtDir: filepath.Join(w.dir, "binfmt"),
		Log:       slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	return w
}

func execute(ctx context.Context, env, command []string, stdout, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, stdout, stderr
	return cmd.Run()
}

// calls returns what the fakes were given, without queries where effects is set.
func (w *world) calls(t *testing.T, effects bool) []call {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	var calls []call
	for line := range bytes.Lines(text) {
		var c call
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if !effects || c.Args[0] != "ls" {
			calls = append(calls, c)
		}
	}
	return calls
}

// checkNothingLeft sees to it that no builder outlives its run.
func (w *world) checkNothingLeft(t *testing.T) {
	t.Helper()
	for _, dir := range []string{w.deps.Dir + "/" + configDir, filepath.Join(w.dir, "config")} {
		if left, _ := os.ReadDir(filepath.Join(dir, "instances")); len(left) > 0 {
			t.Errorf("left in %s: %v", dir, left)
		}
	}
}
