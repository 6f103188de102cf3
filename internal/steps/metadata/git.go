package metadata

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/org/release-actions/internal/hint"
)

// gitEvent returns the event as if it were about what is checked out in d.Dir.
func gitEvent(ctx context.Context, d Deps) (Event, error) {
	e := d.Event
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

func gitRef(ctx context.Context, d Deps) (string, error) {
	if ref, err := git(ctx, d, "symbolic-ref", "--quiet", "HEAD"); err == nil {
		return ref, nil
	}
	// A detached HEAD, as checkouts of tags and pull requests leave it: whatever
	// points here, or else what has it in its history; tags first, then branches.
	for _, where := range []string{"--points-at", "--contains"} {
		text, err := git(ctx, d, "for-each-ref", where, "HEAD", "--format=%(refname)", "refs/tags", "refs/remotes/pull", "refs/pull", "refs/heads", "refs/remotes")
		if err != nil {
			return "", err
		}
		if ref := bestRef(strings.Fields(text)); ref != "" {
			return ref, nil
		}
	}
	return "", hint.New(fmt.Sprintf("the commit that is checked out in %q has neither a tag nor a branch", d.Dir), "check out a branch or a tag, or set \"context: workflow\"")
}

// bestRef picks the ref that says most: a tag, a pull request, a branch, or a
// remote's branch as if it were one of ours.
func bestRef(refs []string) string {
	for _, kind := range []struct{ prefix, as string }{
		{tagRef, tagRef}, {"refs/remotes/pull/", pullRef}, {pullRef, pullRef}, {headRef, headRef}, {"refs/remotes/", headRef},
	} {
		for _, ref := range refs {
			name, ok := strings.CutPrefix(ref, kind.prefix)
			if kind.prefix == "refs/remotes/" {
				_, name, _ = strings.Cut(name, "/")
			}
			if ok && name != "" && name != "HEAD" {
				return kind.as + name
			}
		}
	}
	return ""
}

func git(ctx context.Context, d Deps, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // constant arguments
	cmd.Dir, cmd.Env = d.Dir, d.Environ
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		said := strings.TrimSpace(stderr.String())
		return "", hint.Wrap(fmt.Errorf("git %s: %w: %s", args[0], err, said), "with \"context: git\" the repository must be checked out, with a commit")
	}
	return strings.TrimSpace(string(out)), nil
}
