// Package rehearsal releases examples/hello in the local world, as its
// maintainers would: a repository, a workflow, a tag, and a runner (nektos/act).
// The judges of what comes out are other people's programs. The demo and the
// end-to-end tests share it.
package rehearsal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Repository is the GitHub repository that the rehearsal plays in.
const Repository = "acme/hello"

// Workflow is the path of the release workflow in that repository.
const Workflow = ".github/workflows/release.yml"

// Stage is a checkout of Repository with a release workflow, and a copy of this
// project as the runner would fetch it.
type Stage struct {
	Repository string // on GitHub
	Workflow   string // that is run, in the work tree
	Dir        string // holds everything below
	Repo       string // the repository's work tree
	Action     string // what "uses: org/release-actions@v1" runs
	Script     string // stands in for actions/github-script
	Commit     string // of the work tree's HEAD
	Env        map[string]string
}

func newStage(dir, source string, env map[string]string) (*Stage, error) {
	return &Stage{
		Repository: Repository, Workflow: Workflow, Dir: dir, Repo: filepath.Join(dir, "repository"), Action: filepath.Join(dir, "action"),
		Script: filepath.Join(source, "internal/devstack/tools/script"), Env: env,
	}, os.RemoveAll(dir)
}

// NewStage makes a stage in dir, which is emptied first. source is the checkout
// of this project and env the local world's environment. edit may change the
// workflow; nil leaves it as examples/workflows/release.yml has it.
func NewStage(ctx context.Context, dir, source string, env map[string]string, edit func(string) string) (*Stage, error) {
	s, err := newStage(dir, source, env)
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(s.Repo, os.DirFS(filepath.Join(source, "examples/hello"))); err != nil {
		return nil, fmt.Errorf("copy the example: %w", err)
	}
	workflow, err := os.ReadFile(filepath.Join(source, "examples/workflows/release.yml"))
	if err != nil {
		return nil, err
	}
	if edit != nil {
		edited := edit(string(workflow))
		if edited == string(workflow) {
			return nil, errors.New("the edit leaves the workflow as it was")
		}
		workflow = []byte(edited)
	}
	path := filepath.Join(s.Repo, Workflow)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, workflow, 0o644); err != nil {
		return nil, err
	}
	if err := export(ctx, source, s.Action, "action.yml", "actions", ".github/workflows/release.yml", "internal", "go.mod", "go.sum", ":!internal/devstack"); err != nil {
		return nil, fmt.Errorf("export the action: %w", err)
	}
	return s, s.init(ctx)
}

// init makes the work tree a repository of one commit.
func (s *Stage) init(ctx context.Context) (err error) {
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"remote", "add", "origin", "https://github.com/" + s.Repository + ".git"},
		{"add", "-A"},
		{"commit", "-q", "-m", "Say hello"},
	} {
		if _, err := s.git(ctx, args...); err != nil {
			return err
		}
	}
	s.Commit, err = s.git(ctx, "rev-parse", "HEAD")
	return err
}

// export copies the project's tracked and new files to dir, without what git
// ignores: all, or those of some paths.
func export(ctx context.Context, source, dir string, paths ...string) error {
	list := exec.CommandContext(ctx, "git", append([]string{"ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"}, paths...)...)
	list.Dir = source
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		from := filepath.Join(source, name)
		info, err := os.Stat(from)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			return err
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, text, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// Tag tags the commit and pushes the tag.
func (s *Stage) Tag(ctx context.Context, tag string) error {
	if _, err := s.git(ctx, "tag", "-f", tag); err != nil {
		return err
	}
	github := &World{Env: s.Env}
	return github.PushTag(ctx, tag, s.Commit)
}

func (s *Stage) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = s.Repo
	// A fixed author and date give the same commit, and so the same image, each time.
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Octo Cat", "GIT_AUTHOR_EMAIL=octocat@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=Octo Cat", "GIT_COMMITTER_EMAIL=octocat@example.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
	)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
