package publish

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/secret"
)

// checksumsPath is where launch.sh looks.
const checksumsPath = "actions/checksums.txt"

// work is a git work tree of this project.
type work struct {
	dir     string
	environ []string
	token   secret.String // to push with
}

// commit makes a commit that adds checksums.txt to HEAD, and returns its SHA.
// The same HEAD and text give the same commit. No branch is at it, and the work
// tree stays as it is.
func (w work) commit(ctx context.Context, version, checksums string) (sha string, err error) {
	switch changed, err := w.git(ctx, nil, "", "status", "--porcelain"); {
	case err != nil:
		return "", err
	case changed != "":
		return "", hint.New("the work tree has changes that no commit has: "+changed, "commit them, or release from a fresh clone")
	}
	index, err := os.CreateTemp("", "index-")
	if err != nil {
		return "", err
	}
	_ = index.Close()             // git writes it anew
	defer os.Remove(index.Name()) //nolint:errcheck // in the temporary folder
	date, err := w.git(ctx, nil, "", "show", "-s", "--format=%cI", "HEAD")
	env := []string{"GIT_INDEX_FILE=" + index.Name()}
	for _, who := range []string{"GIT_AUTHOR_", "GIT_COMMITTER_"} {
		env = append(env, who+"NAME=github-actions[bot]", who+"EMAIL=41898282+github-actions[bot]@users.noreply.github.com", who+"DATE="+date)
	}
	// Does nothing more after an error.
	git := func(input string, args ...string) (out string) {
		if err == nil {
			out, err = w.git(ctx, env, input, args...)
		}
		return out
	}
	git("", "read-tree", "HEAD")
	blob := git(checksums, "hash-object", "-w", "--stdin")
	git("", "update-index", "--add", "--cacheinfo", "100644,"+blob+","+checksumsPath)
	tree := git("", "write-tree")
	return git("Pin the programs of "+version+"\n", "commit-tree", tree, "-p", "HEAD"), err
}

// push has the remote's ref be at commit; it is deleted where commit is "".
func (w work) push(ctx context.Context, commit, ref string) error {
	url, err := w.git(ctx, nil, "", "remote", "get-url", "--push", "origin")
	if err != nil {
		return err
	}
	// Neither an argument nor a file has the token.
	login := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + w.token.Reveal()))
	env := []string{"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http." + url + ".extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic " + login}
	_, err = w.git(ctx, env, "", "push", "--quiet", "--force", "origin", commit+":"+ref)
	return hint.Wrap(err, "the job needs \"contents: write\"")
}

// export writes the tree of a commit to dir, as a runner gets it.
func (w work) export(ctx context.Context, commit, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	archive := filepath.Join(dir, ".tar")
	if _, err := w.git(ctx, nil, "", "archive", "-o", archive, commit); err != nil {
		return err
	}
	defer os.Remove(archive)                                                                                 //nolint:errcheck // beside what it held
	if out, err := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil { //nolint:gosec // a folder of ours
		return fmt.Errorf("unpack %s: %w\n%s", commit, err, out)
	}
	return nil
}

func (w work) git(ctx context.Context, env []string, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // arguments are ours
	cmd.Dir, cmd.Env, cmd.Stdin = w.dir, append(w.environ[:len(w.environ):len(w.environ)], env...), strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
