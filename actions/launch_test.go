package actions_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// launchpad is a source tree with the launcher and one step, whose program is a
// script that a stand-in for the go command "builds".
type launchpad struct {
	root, home string
	env        []string
}

func newLaunchpad(t *testing.T) *launchpad {
	t.Helper()
	p := &launchpad{root: t.TempDir(), home: t.TempDir()}
	launcher, err := os.ReadFile("launch.sh")
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, filepath.Join(p.root, "actions", "launch.sh"), string(launcher))
	for name, text := range map[string]string{
		"go.mod": "module x\n", "go.sum": "", "actions/sign/action.yml": "name: Sign\n", "actions/sign/main.go": "package main\n", "internal/x/x.go": "package x\n",
	} {
		p.write(t, filepath.Join(p.root, name), text)
	}
	// go build … -o FILE PACKAGE
	p.write(t, filepath.Join(p.home, "tools", "go"), `#!/bin/bash
echo built >>"$HOME/builds"
[ ! -e "$HOME/broken" ] || exit 1
while [ "$1" != -o ]; do shift; done
printf '#!/bin/bash\necho "step $* ${*@Q}"; env | grep ^INPUT_ || true\n' >"$2" && chmod +x "$2"
`)
	p.env = []string{"HOME=" + p.home, "PATH=" + filepath.Join(p.home, "tools") + ":/usr/bin:/bin"}
	return p
}

func (p *launchpad) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	// A child that is forked meanwhile would hold the file open, and then it can't be run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (p *launchpad) builds(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.home, "builds"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func (p *launchpad) launch(env []string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(p.root, "actions", "launch.sh"), args...)
	cmd.Env = append(p.env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestLauncherBuildsOnceAndForwards(t *testing.T) {
	t.Parallel()
	p := newLaunchpad(t)
	for range 2 {
		out, err := p.launch([]string{"INPUT_BUILD-ARGS=a b"}, "sign", "-x", "a b")
		if err != nil || !strings.Contains(out, "'a b'") || !strings.Contains(out, "INPUT_BUILD-ARGS=a b") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if n := p.builds(t); n != 1 {
		t.Errorf("built %d times", n)
	}
	p.write(t, filepath.Join(p.root, "internal/x/x_test.go"), "package x\n")
	p.write(t, filepath.Join(p.root, "internal/devstack/d.go"), "package devstack\n")
	if _, err := p.launch(nil, "sign"); err != nil || p.builds(t) != 1 {
		t.Errorf("tests or the local world cause a build: %d, %v", p.builds(t), err)
	}
	p.write(t, filepath.Join(p.root, "internal/x/x.go"), "package x // changed\n")
	if _, err := p.launch(nil, "sign"); err != nil || p.builds(t) != 2 {
		t.Errorf("a changed source causes no build: %d, %v", p.builds(t), err)
	}
}

func TestLauncherRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(t *testing.T, p *launchpad)
		env     []string
		args    []string
		want    []string
	}{
		"an unknown step":           {nil, nil, []string{"sgin"}, []string{`no step "sgin"`, "hint: "}},
		"no step":                   {nil, nil, nil, []string{"usage"}},
		"a folder without the step": {nil, []string{"RELEASE_ACTIONS_BIN=/nonexistent"}, []string{"sign"}, []string{"RELEASE_ACTIONS_BIN", "make build"}},
		"no Go": {func(t *testing.T, p *launchpad) {
			t.Helper()
			if err := os.Remove(filepath.Join(p.home, "tools", "go")); err != nil {
				t.Fatal(err)
			}
		}, []string{"GITHUB_ACTIONS=true"}, []string{"sign"}, []string{"::error title=launch::", "%0Ahint: ", "actions/setup-go"}},
		"a build that fails": {func(t *testing.T, p *launchpad) {
			t.Helper()
			p.write(t, filepath.Join(p.home, "broken"), "")
		}, nil, []string{"sign"}, []string{`build the step "sign"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newLaunchpad(t)
			if test.prepare != nil {
				test.prepare(t, p)
			}
			out, err := p.launch(test.env, test.args...)
			if err == nil {
				t.Error("it succeeds")
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("output lacks %q:\n%s", want, out)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(p.home, ".cache/release-actions/*/.sign.*")); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// TestLauncherPassesSignals starts it as a runner does: bash runs a script file,
// and the signal goes to that bash alone.
func TestLauncherPassesSignals(t *testing.T) {
	t.Parallel()
	p := newLaunchpad(t)
	bin := t.TempDir()
	p.write(t, filepath.Join(bin, "sign"), "#!/bin/bash\ntrap 'echo tidied; exit 3' INT\necho ready >\"$HOME/ready\"\nwhile :; do sleep 0.05; done\n")
	script := filepath.Join(p.home, "script.sh")
	p.write(t, script, `exec "$GITHUB_ACTION_PATH/actions/launch.sh" sign`)
	cmd := exec.Command("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script)
	cmd.Env = append(p.env, "GITHUB_ACTION_PATH="+p.root, "RELEASE_ACTIONS_BIN="+bin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	for {
		if _, err := os.Stat(filepath.Join(p.home, "ready")); err == nil {
			break
		}
		select {
		case <-ended:
			t.Fatalf("it ended early: %s", &out)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-ended
	if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(out.String(), "tidied") {
		t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), &out)
	}
}
