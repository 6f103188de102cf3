package publish

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/secret"
)

// plainGit keeps the user's own settings out, but for a way to name an author.
var plainGit = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
	"GIT_AUTHOR_NAME=Octo Cat", "GIT_AUTHOR_EMAIL=octocat@example.com", "GIT_COMMITTER_NAME=Octo Cat", "GIT_COMMITTER_EMAIL=octocat@example.com")

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := work{dir: dir, environ: plainGit}.git(t.Context(), nil, "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// inGit makes dir a repository of one commit, and returns its SHA.
func inGit(t *testing.T, dir string) string {
	t.Helper()
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "Begin")
	return git(t, dir, "rev-parse", "HEAD")
}

func TestCommitPinsTheChecksums(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	head := inGit(t, dir)
	tree := work{dir: dir, environ: plainGit}
	commit, err := tree.commit(t.Context(), "v1.2.3", "# v1.2.3\nsums\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := git(t, dir, "show", commit+":actions/checksums.txt"); got != "# v1.2.3\nsums" {
		t.Errorf("it has the checksums %q", got)
	}
	if got := git(t, dir, "diff", "--name-status", head, commit); got != "A\tactions/checksums.txt" {
		t.Errorf("it changes %q", got)
	}
	if got := git(t, dir, "show", "-s", "--format=%P %an %s", commit); got != head+" github-actions[bot] Pin the programs of v1.2.3" {
		t.Errorf("it is %q", got)
	}
	if got := git(t, dir, "status", "--porcelain") + git(t, dir, "rev-parse", "HEAD"); got != head {
		t.Errorf("the work tree is %q", got)
	}
	if again, err := tree.commit(t.Context(), "v1.2.3", "# v1.2.3\nsums\n"); err != nil || again != commit {
		t.Errorf("once more it is %s, not %s: %v", again, commit, err)
	}
	if other, err := tree.commit(t.Context(), "v1.2.3", "# v1.2.3\nothers\n"); err != nil || other == commit {
		t.Errorf("other checksums give %s: %v", other, err)
	}
	out := filepath.Join(t.TempDir(), "checkout")
	if err := tree.export(t.Context(), commit, out); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(out, "actions/checksums.txt")); err != nil || string(text) != "# v1.2.3\nsums\n" {
		t.Errorf("exported %q, %v", text, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.commit(t.Context(), "v1.2.3", ""); err == nil || !strings.Contains(err.Error(), "changes that no commit has: ?? new") {
		t.Errorf("error %v", err)
	}
}

// TestPushShowsNoToken pushes through a git that tells what it was given.
func TestPushShowsNoToken(t *testing.T) {
	t.Parallel()
	dir, origin := t.TempDir(), filepath.Join(t.TempDir(), "origin.git")
	commit := inGit(t, dir)
	git(t, dir, "init", "-q", "--bare", origin)
	git(t, dir, "remote", "add", "origin", origin)
	tree := work{dir: dir, environ: append(plainGit, "GIT_TRACE=1"), token: secret.New("ghs_s3cret")}
	for _, at := range []string{commit, commit, ""} {
		if err := tree.push(t.Context(), at, "refs/heads/publish/v1.2.3"); err != nil {
			t.Fatal(err)
		}
		if got := git(t, origin, "for-each-ref", "--format=%(objectname)"); got != at {
			t.Errorf("the branch is at %q, not %q", got, at)
		}
	}
	git(t, dir, "remote", "set-url", "origin", filepath.Join(dir, "nowhere"))
	err := tree.push(t.Context(), commit, "refs/heads/publish/v1.2.3")
	if err == nil || !strings.Contains(err.Error(), "git push") || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "Basic") {
		t.Errorf("error %v", err)
	}
	if config, err := exec.Command("grep", "-r", "Basic", filepath.Join(dir, ".git")).CombinedOutput(); err == nil {
		t.Errorf("the repository keeps the login: %s", config)
	}
}
