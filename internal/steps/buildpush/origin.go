package buildpush

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/org/release-actions/internal/job"
)

// origin is where what is built comes from.
type origin struct{ job.Job }

// gitContext is the URL that BuildKit fetches the commit from, or the merge of
// a pull request, which has no commit that it could fetch by its name.
//
// https://docs.docker.com/build/concepts/context/#git-repositories
func (o origin) gitContext() string {
	if o.Repository == "" {
		return ""
	}
	at := o.Commit
	if strings.HasPrefix(o.Ref, "refs/pull/") {
		at = o.Ref
	}
	return o.repositoryURL() + "#" + at
}

func (o origin) repositoryURL() string { return o.ServerURL + "/" + o.Repository + ".git" }

// builderID is the URL of the run, which provenance names as the builder.
func (o origin) builderID() string {
	if o.RunID == 0 {
		return ""
	}
	return fmt.Sprintf("%s/attempts/%d", o.RunURL(), o.RunAttempt)
}

// private reports whether the event is of a private repository.
func (o origin) private() bool {
	repository, _ := o.Event["repository"].(map[string]any)
	private, _ := repository["private"].(bool)
	return private
}

// epoch returns when the commit was made, in seconds since 1970, or "" where
// nothing tells: neither the event nor what is checked out.
//
// https://reproducible-builds.org/specs/source-date-epoch/
func (o origin) epoch(ctx context.Context, env []string) string {
	if head, _ := o.Event["head_commit"].(map[string]any); o.Commit != "" && head["id"] == o.Commit {
		text, _ := head["timestamp"].(string)
		if made, err := time.Parse(time.RFC3339, text); err == nil {
			return strconv.FormatInt(made.Unix(), 10)
		}
	}
	cmd := exec.CommandContext(ctx, "git", "log", "-1", "--pretty=%ct")
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		return "" // no repository, or no git
	}
	return string(bytes.TrimSpace(out))
}
