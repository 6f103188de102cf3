package rehearsal

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Trial is one run of the release workflow.
type Trial struct {
	Tag   string            // the tag whose push starts it
	Event Event             // what starts it where there is no Tag
	Vars  map[string]string // the repository's variables, beside those of the world
	// Workflow is the file that is run; "" is the stage's own.
	Workflow string
	// JobWorkflow is the reusable workflow that the jobs are in, as a token names
	// it: "owner/name/path@ref". "" is the workflow itself.
	JobWorkflow string
	Env         map[string]string // variables of the environment that the runner has besides
	Drop        []string          // and those that it must not have
	// Cache is the folder of the runner's cache service; it has none where "".
	Cache string
	Echo  io.Writer // gets the log as it comes; may be nil
	// Watch is called with each line of the log and may signal the runner.
	Watch func(line string, runner *os.Process)
}

// Outcome is what a run left.
type Outcome struct {
	Code    int    // the runner's exit status
	Log     string // everything it printed, as people read it
	Raw     string // everything it printed, byte for byte, but for requests to mask
	Summary string // all step summaries, in order
}

// entry is a line of act's JSON log.
type entry struct {
	Msg     string `json:"msg"`
	Step    string `json:"step"`
	Raw     bool   `json:"raw_output"`
	Level   string `json:"level"`
	Command string `json:"command"`
	Content string `json:"content"`
}

// Run plays the workflow on a push of the trial's tag, or on its event. A
// workflow that fails is an Outcome; an error means that it could not be played.
func (s *Stage) Run(ctx context.Context, trial Trial) (Outcome, error) {
	event := trial.Event
	if trial.Tag != "" {
		event = Event{Name: "push", Ref: "refs/tags/" + trial.Tag}
		if err := s.Tag(ctx, trial.Tag); err != nil {
			return Outcome{}, err
		}
	}
	if err := s.writeEvent(event); err != nil {
		return Outcome{}, err
	}
	env := maps.Clone(s.Env)
	maps.Copy(env, trial.Env)
	for _, name := range trial.Drop {
		delete(env, name)
	}
	event.restrict(env)
	s.aimIDToken(env, event, trial.JobWorkflow)
	secrets, err := s.write("secrets", map[string]string{
		"GITHUB_TOKEN":       env["GITHUB_TOKEN"],
		"DOCKERHUB_USERNAME": env["DOCKERHUB_USERNAME"],
		"DOCKERHUB_TOKEN":    env["DOCKERHUB_TOKEN"],
	})
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = os.Remove(secrets) }() // the run is over; nothing reads it any more
	vars := map[string]string{
		"SIGSTORE_TRUSTED_ROOT":   env["SIGSTORE_TRUSTED_ROOT"],
		"SIGSTORE_SIGNING_CONFIG": env["SIGSTORE_SIGNING_CONFIG"],
	}
	maps.Copy(vars, trial.Vars)
	varFile, err := s.write("vars", vars)
	if err != nil {
		return Outcome{}, err
	}
	// Credentials reach the workflow as secrets, not by the runner's environment.
	for _, name := range []string{"GITHUB_TOKEN", "DOCKERHUB_USERNAME", "DOCKERHUB_TOKEN"} {
		delete(env, name)
	}
	home := filepath.Join(s.Dir, "home")
	if err := os.MkdirAll(filepath.Join(home, "tmp"), 0o700); err != nil {
		return Outcome{}, err
	}
	env["HOME"], env["XDG_CACHE_HOME"], env["TMPDIR"] = home, filepath.Join(home, ".cache"), filepath.Join(home, "tmp")
	env["LANG"] = "C.UTF-8"

	act, err := lookPath("act", env["PATH"])
	if err != nil {
		return Outcome{}, err
	}
	script, err := s.scriptArguments()
	if err != nil {
		return Outcome{}, err
	}
	cache, err := cacheArguments(trial.Cache)
	if err != nil {
		return Outcome{}, err
	}
	args := []string{event.Name, "--json",
		"-W", cmp.Or(trial.Workflow, filepath.Join(s.Repo, s.Workflow)), "-e", filepath.Join(s.Dir, "event.json"),
		"-P", "ubuntu-latest=-self-hosted", "-P", "ubuntu-24.04=-self-hosted", "-P", "ubuntu-24.04-arm=-self-hosted", "--action-offline-mode",
		"--local-repository", "org/release-actions@v1=" + s.Action,
		"--secret-file", secrets, "--var-file", varFile, "--env-file", os.DevNull,
		"--actor", cmp.Or(event.Actor, "octocat"), "--defaultbranch", "main",
	}
	for name, value := range event.variables() {
		args = append(args, "--env", name+"="+value)
	}
	cmd := exec.CommandContext(ctx, act, slices.Concat(args, script, cache)...)
	cmd.Dir = s.Repo
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return play(cmd, trial)
}

// play runs act and reads its log.
func play(cmd *exec.Cmd, trial Trial) (Outcome, error) {
	var out Outcome
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return out, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return out, err
	}
	var log, raw, summary strings.Builder
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = entry{Msg: lines.Text()}
		}
		if e.Command != "add-mask" { // act's JSON log repeats what it is asked to hide; no log for people does
			raw.WriteString(lines.Text() + "\n")
		}
		if e.Command == "summary" {
			// act tells the last one of a composite action once more, as the composite's.
			if !strings.HasSuffix(summary.String(), e.Content) {
				summary.WriteString(e.Content)
			}
			continue
		}
		line := strings.TrimRight(e.Msg, "\n")
		if line == "" {
			continue
		}
		log.WriteString(line + "\n")
		// The runner's own talk of variables and outputs hides what the steps say.
		if trial.Echo != nil && (e.Raw || e.Level != "debug" && !strings.Contains(line, "⚙")) {
			fmt.Fprintln(trial.Echo, line)
		}
		if trial.Watch != nil {
			trial.Watch(line, cmd.Process)
		}
	}
	if err := lines.Err(); err != nil {
		return out, err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return out, err
	}
	out = Outcome{Code: cmd.ProcessState.ExitCode(), Log: log.String(), Raw: raw.String(), Summary: summary.String()}
	return out, nil
}

// write makes a private file of KEY="value" lines, as act reads secrets.
func (s *Stage) write(name string, values map[string]string) (string, error) {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if values[key] != "" {
			fmt.Fprintf(&text, "%s=%q\n", key, values[key])
		}
	}
	path := filepath.Join(s.Dir, name)
	return path, os.WriteFile(path, []byte(text.String()), 0o600)
}

func lookPath(name, path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(dir, name)
		if info, err := os.Stat(candidate); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("%q isn't in the world's PATH", name)
}
