package metadata

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// inTree returns the event as if it were about what is checked out.
func (e Event) inTree(ctx context.Context, d Deps) (Event, error) {
	about, err := git(ctx, d, "show", "--no-patch", "--format=%H %cI", "HEAD")
	if err != nil {
		return Event{}, err
	}
	commit := Commit{}
	commit.ID, commit.Timestamp, _ = strings.Cut(about, " ")
	e.SHA, e.Payload.HeadCommit, e.Payload.Commits = commit.ID, &commit, nil
	e.Ref, err = gitRef(ctx, d)
	return e, err
}

// completed returns the event of somebody's own machine: a push of what is
// checked out, as far as nothing else is known.
func (e Event) completed(ctx context.Context, d Deps) Event {
	e.Name = cmp.Or(e.Name, "push")
	if e.Ref != "" && e.SHA != "" {
		return e
	}
	tree, err := e.inTree(ctx, d)
	if err != nil && tree.SHA == "" { // it is no repository, perhaps
		return e
	}
	if e.SHA == "" {
		e.SHA, e.Payload.HeadCommit, e.Payload.Commits = tree.SHA, tree.Payload.HeadCommit, nil
	}
	e.Ref = cmp.Or(e.Ref, tree.Ref)
	return e
}

// gitRef returns the ref that is checked out. A detached HEAD, as checkouts of
// tags and pull requests leave it, is what points there: a tag, a pull request or
// a remote's branch; or else what has it in its history. It is "" where nothing has.
func gitRef(ctx context.Context, d Deps) (string, error) {
	if ref, err := git(ctx, d, "symbolic-ref", "--quiet", "HEAD"); err == nil {
		return ref, nil
	}
	for _, look := range []struct{ where, sort, refs string }{
		{"--points-at", "-refname", "refs/tags"},
		{"--points-at", "-refname", "refs/remotes/pull"},
		{"--points-at", "refname", "refs/remotes"},
		{"--points-at", "refname", "refs/heads"},
		{"--contains", "-committerdate", "refs/heads"},
		{"--contains", "-committerdate", "refs/remotes"},
		{"--contains", "refname", "refs/tags"},
	} {
		text, err := git(ctx, d, "for-each-ref", look.where, "HEAD", "--sort="+look.sort, "--format=%(refname)", look.refs)
		if err != nil {
			return "", err
		}
		ref := firstRef(strings.Fields(text))
		if ref != "" && look.where == "--points-at" && look.refs == "refs/heads" {
			return "", hint.Wrap(fmt.Errorf("the commit is checked out, but not the branch %q that points to it", ref), "check out the branch itself, or a tag, or set \"context: workflow\"")
		}
		if ref != "" {
			return ref, nil
		}
	}
	return "", nil
}

// firstRef returns the first of refs, as GitHub has it: a remote's branch is a
// branch, and its pull request a pull request.
func firstRef(refs []string) string {
	for _, ref := range refs {
		name, isRemote := strings.CutPrefix(ref, "refs/remotes/")
		if number, ok := strings.CutPrefix(name, "pull/"); isRemote && ok {
			return pullRef + number
		}
		if !isRemote {
			return ref
		}
		if _, branch, _ := strings.Cut(name, "/"); branch != "" && branch != "HEAD" {
			return headRef + branch
		}
	}
	return ""
}

func git(ctx context.Context, d Deps, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // constant arguments
	cmd.Dir, cmd.Env = d.Job.Workspace, d.Environ
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		said := strings.TrimSpace(stderr.String())
		return "", hint.Wrap(fmt.Errorf("git %s: %w: %s", args[0], err, said), "with \"context: git\" the repository must be checked out, with a commit")
	}
	return strings.TrimSpace(string(out)), nil
}
