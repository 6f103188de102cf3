package buildpush

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Origin is the commit that is built, as the runner knows it. Its zero value
// is a build outside of a workflow.
type Origin struct {
	// Server is GitHub's URL, Repository "owner/name" there.
	Server, Repository string
	Ref, Revision      string // "refs/tags/v1.2.3", and the commit that it was
	RunID, RunAttempt  int64
	// Event is the payload of the event that started the workflow.
	//
	// https://docs.github.com/webhooks/webhook-events-and-payloads
	Event map[string]any
}

// gitContext is the URL that BuildKit fetches the commit from, or the merge of
// a pull request, which has no commit that it could fetch by its name.
//
// https://docs.docker.com/build/concepts/context/#git-repositories
func (o Origin) gitContext() string {
	if o.Repository == "" {
		return ""
	}
	at := o.Revision
	if strings.HasPrefix(o.Ref, "refs/pull/") {
		at = o.Ref
	}
	return o.repositoryURL() + "#" + at
}

func (o Origin) repositoryURL() string { return o.Server + "/" + o.Repository + ".git" }

// builderID is the URL of the run, which provenance names as the builder.
func (o Origin) builderID() string {
	if o.RunID == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%s/actions/runs/%d/attempts/%d", o.Server, o.Repository, o.RunID, o.RunAttempt)
}

// private reports whether the event is of a private repository.
func (o Origin) private() bool {
	repository, _ := o.Event["repository"].(map[string]any)
	private, _ := repository["private"].(bool)
	return private
}

// epoch returns when the commit was made, in seconds since 1970, or "" where
// nothing tells: neither the event nor what is checked out.
//
// https://reproducible-builds.org/specs/source-date-epoch/
func (o Origin) epoch(ctx context.Context, env []string) string {
	if head, _ := o.Event["head_commit"].(map[string]any); o.Revision != "" && head["id"] == o.Revision {
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
