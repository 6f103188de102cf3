package buildpush

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/buildpush/builder"
)

func TestBuildIsPushedByDigestToEveryRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	result, err := Run(t.Context(), w.cfg, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	if want := []image.Pinned{w.cfg.Images[0].Pin(result.Digest), w.cfg.Images[1].Pin(result.Digest)}; !slices.Equal(result.Images, want) {
		t.Errorf("images %v, want %v", result.Images, want)
	}
	if !slices.Equal(result.Platforms, w.cfg.Platforms) {
		t.Errorf("platforms %v, want %v", result.Platforms, w.cfg.Platforms)
	}
	if result.ImageID != string(result.Digest) || !bytes.Contains(result.Metadata, []byte(result.Digest)) {
		t.Errorf("image id %q, metadata %s", result.ImageID, result.Metadata)
	}
	for _, pinned := range result.Images {
		if _, err := w.deps.Registry.Manifest(t.Context(), pinned); err != nil {
			t.Error(err)
		}
	}
	if s := result.Summary(); !strings.Contains(s, "| `linux/arm/v7` | `sha256:") || !strings.Contains(s, result.Images[1].String()) {
		t.Errorf("summary:\n%s", s)
	}
	c := w.call(t)
	if i := slices.Index(c.Env, "SOURCE_DATE_EPOCH=1700000000"); i < 0 {
		t.Error("SOURCE_DATE_EPOCH doesn't reach buildx")
	}
	w.checkNothingLeft(t)
}

func TestImageThatIsNotPushedGoesIntoALayout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	w.cfg.Push = &no
	w.cfg.Registry.Auth[0].Password = secret.New("wrong") // nobody asks
	result, err := Run(t.Context(), w.cfg, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Images) > 0 || !slices.Equal(result.Platforms, w.cfg.Platforms) || result.Digest == "" {
		t.Errorf("images %v, platforms %v, digest %q", result.Images, result.Platforms, result.Digest)
	}
	layout, err := registry.OpenLayout(result.Layout)
	if err != nil || layout.Digest != result.Digest {
		t.Errorf("layout %v, %v", layout, err)
	}
	if s := result.Summary(); !strings.Contains(s, "was not pushed") || !strings.Contains(s, "linux/arm/v7") {
		t.Errorf("summary:\n%s", s)
	}
	if left, err := os.ReadDir(w.temp); err != nil || len(left) != 1 {
		t.Errorf("left beside the layout: %v, %v", left, err)
	}

	w = newWorld(t, "lose-platform")
	w.cfg.Push = &no
	if _, err := Run(t.Context(), w.cfg, w.deps); err == nil || !strings.Contains(err.Error(), "are asked for") {
		t.Errorf("a layout without a platform: error %v", err)
	}
}

func TestTagsArePushedAsThePeerDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	repo := w.cfg.Images[1]
	w.cfg.Destination = Destination{Tags: []image.Ref{repo.Tag("v1"), repo.Tag("v1.2")}, Push: &yes}
	result, err := Run(t.Context(), w.cfg, w.deps)
	if err != nil {
		t.Fatal(err)
	}
	if want := []image.Pinned{repo.Pin(result.Digest)}; !slices.Equal(result.Images, want) {
		t.Errorf("images %v, want %v", result.Images, want)
	}
	if args := w.call(t).Args; !slices.Contains(args, "--tag="+repo.Tag("v1").String()) || !slices.Contains(args, "--tag="+repo.Tag("v1.2").String()) {
		t.Errorf("arguments %q", args)
	}
}

func TestBuildsThatMakeNoImage(t *testing.T) {
	t.Parallel()
	for mode, destination := range map[string]Destination{
		"files": {Outputs: []string{"type=local,dest=out"}},
		"call":  {},
	} {
		w := newWorld(t, mode)
		if w.cfg.Destination = destination; mode == "call" {
			w.cfg.Build.Call = "check"
		}
		result, err := Run(t.Context(), w.cfg, w.deps)
		if err != nil || result.Digest != "" || result.Summary() != "" || len(result.Images) > 0 {
			t.Errorf("%s: %+v, %v", mode, result, err)
		}
		w.checkNothingLeft(t)
	}
	w := newWorld(t, "call-fails")
	w.cfg.Build.Call = "check"
	if _, err := Run(t.Context(), w.cfg, w.deps); err == nil || !strings.Contains(err.Error(), "WARNING: FromAsCasing") || len(hint.Of(err)) == 0 {
		t.Errorf("error %v", err)
	}
}

func TestCommitOfTheRun(t *testing.T) {
	t.Parallel()
	token := secret.New("planted-secret")
	for _, test := range []struct {
		name, context, epoch, id string
		want                     []string // of SOURCE_DATE_EPOCH and GIT_AUTH_TOKEN
	}{
		{"default", "", "", revision, []string{"1767323045", "planted-secret"}},
		{"another commit's event", "", "", "other", []string{"", "planted-secret"}},
		{"a directory", ".", "", revision, []string{"1767323045", ""}},
		{"another repository", "https://github.com/acme/other.git#main", "", revision, []string{"1767323045", ""}},
		{"set by the user", "", "1700000000", revision, []string{"1700000000", "planted-secret"}},
	} {
		w := newWorld(t, "push")
		w.cfg.Build.Context, w.cfg.Registry.GitHubToken = test.context, token
		w.deps.Job = job.Job{
			ServerURL: "https://github.com", Repository: "acme/app", Ref: "refs/heads/main", Commit: revision,
			Event: map[string]any{"head_commit": map[string]any{"id": test.id, "timestamp": "2026-01-02T03:04:05Z"}},
		}
		w.deps.Env = slices.DeleteFunc(w.deps.Env, func(v string) bool { return strings.HasPrefix(v, "SOURCE_DATE_EPOCH=") })
		w.deps.Env = append(w.deps.Env, "PATH=/nowhere", "GIT_DIR=/nowhere")
		if test.epoch != "" {
			w.deps.Env = append(w.deps.Env, "SOURCE_DATE_EPOCH="+test.epoch)
		}
		if _, err := Run(t.Context(), w.cfg, w.deps); err != nil {
			t.Fatal(err)
		}
		c := w.call(t)
		epoch := ""
		for _, v := range c.Env {
			if value, ok := strings.CutPrefix(v, "SOURCE_DATE_EPOCH="); ok {
				epoch = value
			}
		}
		if got := []string{epoch, c.Secrets[gitToken]}; !slices.Equal(got, test.want) {
			t.Errorf("%s: SOURCE_DATE_EPOCH and token are %q, want %q", test.name, got, test.want)
		}
		if seen := strings.Join(c.Args, "\n") + w.output.String() + w.log.String(); strings.Contains(seen, "planted-secret") {
			t.Errorf("%s: the token is in an argument or a log", test.name)
		}
	}
}

func TestCommitThatIsCheckedOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{
		"PATH=" + os.Getenv("PATH"), "GIT_DIR=" + filepath.Join(dir, ".git"), "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
	}
	for _, args := range [][]string{{"init", "-q"}, {"commit", "-q", "--allow-empty", "-m", "x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if got := (origin{}).epoch(t.Context(), env); got != "1767323045" {
		t.Errorf("epoch %q", got)
	}
	if got := (origin{}).epoch(t.Context(), []string{"PATH=" + os.Getenv("PATH"), "GIT_DIR=/nowhere"}); got != "" {
		t.Errorf("epoch of nothing %q", got)
	}
}

func TestDockerConfigurationIsPrivateAndComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	if _, err := Run(t.Context(), w.cfg, w.deps); err != nil {
		t.Fatal(err)
	}
	c := w.call(t)
	auths, _ := c.DockerConfig["auths"].(map[string]any)
	for _, host := range []string{"quay.io", w.cfg.Images[0].Host(), w.cfg.Images[1].Host()} {
		if auths[host] == nil {
			t.Errorf("no login for %s among %v", host, auths)
		}
	}
	if c.DockerConfig["currentContext"] != "mine" {
		t.Errorf("the rest of config.json is lost: %v", c.DockerConfig)
	}
	if c.Linked["buildx/current"] == "" || c.Linked["cli-plugins/docker-compose"] != "a plugin" {
		t.Errorf("builders or plugins are lost: %v", c.Linked)
	}
	if c.ConfigMode != "-rwx------" {
		t.Errorf("its directory has mode %s", c.ConfigMode)
	}
	for _, name := range []string{"config.json", "buildx/current", "cli-plugins/docker-compose"} {
		if _, err := os.Stat(filepath.Join(w.deps.DockerConfigDir, name)); err != nil {
			t.Errorf("the original is damaged: %v", err)
		}
	}
}

func TestMachineWithoutDockerConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	w.deps.DockerConfigDir = filepath.Join(t.TempDir(), "none")
	if _, err := Run(t.Context(), w.cfg, w.deps); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsReachTheBuildAndNoArgument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	file := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(file, []byte("from-a-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cfg.Secrets = Mounts{
		Values: SecretList{{"token", secret.New("planted-secret")}, {"key", secret.New("planted\nlines")}},
		Files:  []Pair{{"netrc", file}},
	}
	if _, err := Run(t.Context(), w.cfg, w.deps); err != nil {
		t.Fatal(err)
	}
	c := w.call(t)
	for id, want := range map[string]string{"token": "planted-secret", "key": "planted\nlines", "netrc": "from-a-file"} {
		if c.Secrets[id] != want {
			t.Errorf("secret %q is %q", id, c.Secrets[id])
		}
	}
	seen := strings.Join(c.Args, "\n") + w.output.String() + w.log.String()
	for _, planted := range []string{"planted-secret", "planted\nlines", password, "from-a-file"} {
		if strings.Contains(seen, planted) {
			t.Errorf("%q is in an argument or a log", planted)
		}
	}
	w.checkNothingLeft(t)
}

func TestSecretsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	specs, err := Mounts{Envs: []Pair{{"npm", "NPM_TOKEN"}}}.specs(t.TempDir(), w.deps.Env)
	if want := []string{"id=npm,env=NPM_TOKEN"}; err != nil || !slices.Equal(specs, want) {
		t.Errorf("got %q, %v; want %q", specs, err, want)
	}
	for want, mounts := range map[string]Mounts{
		`no variable "ABSENT" for the secret "npm"`: {Envs: []Pair{{"npm", "ABSENT"}}},
		`no readable file`:                          {Files: []Pair{{"npm", filepath.Join(t.TempDir(), "absent")}}},
	} {
		w.cfg.Secrets = mounts
		if _, err := Run(t.Context(), w.cfg, w.deps); err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) == 0 {
			t.Errorf("error %v, want %q and a mend", err, want)
		}
		w.checkNothingLeft(t)
	}
}

func TestFailedBuildQuotesTheStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "fail")
	result, err := Run(t.Context(), w.cfg, w.deps)
	const step = "[linux/amd64->arm64 build 3/3] RUN echo \"compiling for arm64\""
	if err == nil || !strings.HasPrefix(err.Error(), "build: "+step) || !strings.Contains(err.Error(), "\nmain.c:501: error: expected ';'\nfail3.Dockerfile:4\n") {
		t.Errorf("error %v", err)
	}
	if n := strings.Count(err.Error(), "warning: unused variable"); n != 39+2 { // of 40, and the command's own in its name and place
		t.Errorf("%d lines of the step are quoted", n)
	}
	if log := w.output.String(); !strings.Contains(log, step) || strings.Count(log, ": warning: unused variable\n") != 500 {
		t.Errorf("the log lacks the build: %s", log)
	}
	if s := result.Summary(); !strings.Contains(s, "| `linux/arm64` | 1 built, 1 failed |") || !strings.Contains(s, "```mermaid\ngantt\n") {
		t.Errorf("summary:\n%s", s)
	}
	w.checkNothingLeft(t)
}

func TestResultIsNotBelieved(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"silent":        "has made no image",
		"lose-platform": "has the platforms linux/arm/v7, linux/arm64, and linux/amd64, linux/arm/v7, linux/arm64 are asked for",
		"lose-registry": "404",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, mode)
			if _, err := Run(t.Context(), w.cfg, w.deps); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			w.checkNothingLeft(t)
		})
	}
}

func TestRefusedLoginFailsBeforeTheBuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	w.cfg.Registry.Auth[1].Password = secret.New("wrong")
	var err error
	if w.deps.Registry, err = registry.New(w.cfg.Registry, registry.Options{}); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), w.cfg, w.deps)
	if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), w.cfg.Images[1].String()) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(w.report); err == nil {
		t.Error("it was built")
	}
}

func TestBuildxIsFound(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "push")
	for _, test := range []struct {
		has  []string
		want []string
	}{
		{[]string{"docker", "docker-buildx"}, []string{self, "buildx"}},
		{[]string{"docker-buildx", "buildx"}, []string{self}},
		{[]string{"buildx"}, []string{self}},
		{nil, nil},
	} {
		w.deps.LookPath = func(name string) (string, error) {
			if slices.Contains(test.has, name) {
				return self, nil
			}
			return "", os.ErrNotExist
		}
		got, err := w.deps.findBuildx(t.Context())
		if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%v: got %v, %v", test.has, got, err)
		}
	}
	w = newWorld(t, "no-plugin")
	if _, err := Run(t.Context(), w.cfg, w.deps); err == nil || len(hint.Of(err)) == 0 || !strings.Contains(err.Error(), "no docker buildx") {
		t.Errorf("error %v", err)
	}
	w.checkNothingLeft(t)
}

func TestBuilderIsMadeForTheBuildAndRemoved(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"push", "fail", "silent"} {
		w := newWorld(t, mode)
		w.cfg.Builder.Driver = builder.Container
		if _, err := Run(t.Context(), w.cfg, w.deps); (err == nil) != (mode == "push") {
			t.Errorf("%s: error %v", mode, err)
		}
		made := w.checkBuilderRemoved(t)
		if used := flagOf(w.call(t).Args, "--builder"); used != made {
			t.Errorf("%s: built with %q, made %q", mode, used, made)
		}
		w.checkNothingLeft(t)
	}
}

func TestSelectedBuilderIsUsedAndKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "push")
	if _, err := Run(t.Context(), w.cfg, w.deps); err != nil {
		t.Fatal(err)
	}
	if used := flagOf(w.call(t).Args, "--builder"); used != "mine" {
		t.Errorf("built with %q", used)
	}
	if _, err := os.Stat(w.report + ".removed"); err == nil {
		t.Error("the user's builder is removed")
	}
}

func TestCancelledBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"hang", "stubborn"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, mode)
			w.cfg.Builder.Driver = builder.Container
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, err := Run(ctx, w.cfg, w.deps)
				done <- err
			}()
			var pid int
			for pid == 0 {
				select {
				case err := <-done:
					t.Fatal("ended by itself:", err)
				case <-time.After(10 * time.Millisecond):
				}
				if text, err := os.ReadFile(w.report + ".pid"); err == nil {
					pid, _ = strconv.Atoi(string(text))
				}
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if alive(pid) {
				t.Error("buildx is alive")
			}
			if _, err := os.Stat(w.report + ".interrupted"); mode == "hang" && err != nil {
				t.Error("buildx had no chance to tidy up")
			}
			w.checkBuilderRemoved(t)
			w.checkNothingLeft(t)
		})
	}
}
