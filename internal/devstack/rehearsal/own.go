package rehearsal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// OwnRepository is this project's repository on GitHub.
const OwnRepository = "org/release-actions"

// PublishWorkflow is the path of the workflow that releases this project.
const PublishWorkflow = ".github/workflows/publish.yml"

// OwnStage is a checkout of this project, whose releases are to be made.
type OwnStage struct {
	*Stage
	origin string // the repository that it was cloned of
	script string // the workflow as it is played
}

// NewOwnStage makes a stage in dir, which is emptied first, with this project's
// files as they are in source.
func NewOwnStage(ctx context.Context, dir, source string, env map[string]string) (*OwnStage, error) {
	stage, err := newStage(dir, source, env)
	if err != nil {
		return nil, err
	}
	s := &OwnStage{stage, filepath.Join(dir, "origin.git"), filepath.Join(dir, "publish.yml")}
	s.Repository, s.Workflow, s.Action = OwnRepository, PublishWorkflow, s.Repo
	if err := export(ctx, source, s.Repo); err != nil {
		return nil, fmt.Errorf("export the project: %w", err)
	}
	if err := s.init(ctx); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"init", "-q", "--bare", s.origin}, {"push", "-q", s.origin, "main"}} {
		if _, err := s.git(ctx, args...); err != nil {
			return nil, err
		}
	}
	// git knows no stand-in of github.com: what the runner pushes goes to a folder.
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("[url %q]\n\tinsteadOf = https://github.com/%s.git\n", s.origin, OwnRepository)
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	// The tests that the release waits for are those that this is part of.
	text, err := os.ReadFile(filepath.Join(s.Repo, PublishWorkflow))
	if err != nil {
		return nil, err
	}
	before, rest, _ := strings.Cut(string(text), "  test:\n")
	_, after, found := strings.Cut(rest, "    needs: test\n")
	if !found {
		return nil, fmt.Errorf("%s doesn't wait for tests", PublishWorkflow)
	}
	return s, os.WriteFile(s.script, []byte(before+"  publish:\n"+after), 0o600)
}

// Publish plays the workflow by hand for a version and for some platforms, all
// where platforms is "".
func (s *OwnStage) Publish(ctx context.Context, version, platforms string, trial Trial) (Outcome, error) {
	trial.Event = Event{Name: "workflow_dispatch", Ref: "refs/heads/main", Payload: map[string]any{"inputs": map[string]any{"version": version}}}
	trial.Workflow = s.script
	trial.Env = map[string]string{"PLATFORMS": platforms}
	// The runner's home is empty; what Go has built and fetched is not.
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOENV"} {
		value, err := exec.CommandContext(ctx, "go", "env", name).Output()
		if err != nil {
			return Outcome{}, fmt.Errorf("go env %s: %w", name, err)
		}
		trial.Env[name] = strings.TrimSpace(string(value))
	}
	return s.Run(ctx, trial)
}

// Checkout writes the files of a commit that was pushed to dir, as a runner gets
// an action.
func (s *OwnStage) Checkout(ctx context.Context, commit, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, err := s.git(ctx, "--git-dir", s.origin, "--work-tree", dir, "checkout", "-q", "-f", commit, "--", ".")
	return err
}

// Git asks git about what was pushed.
func (s *OwnStage) Git(ctx context.Context, args ...string) (string, error) {
	return s.git(ctx, append([]string{"--git-dir", s.origin}, args...)...)
}
