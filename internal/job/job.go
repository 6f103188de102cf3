// Package job says what a step of a workflow runs for.
package job

import (
	"encoding/json"
	"fmt"

	"github.com/org/release-actions/internal/hint"
)

// Job is GitHub's context of the job that a step is part of. Outside of a
// workflow it has GitHub's addresses only.
//
// https://docs.github.com/actions/reference/workflows-and-actions/contexts#github-context
type Job struct {
	// ServerURL is where people see GitHub, "https://github.com", and APIURL
	// where programs do.
	ServerURL, APIURL string
	Repository        string // "owner/name"
	EventName         string // "push", "pull_request", …
	// Event is the payload of the event that started the workflow.
	//
	// https://docs.github.com/webhooks/webhook-events-and-payloads
	Event      map[string]any
	Ref        string // "refs/heads/…", "refs/tags/…", "refs/pull/…"
	RefName    string // as people write it: "main", "v1.2.3", "7/merge"
	Commit     string // of the ref, or of a merge that GitHub made for a pull request
	Actor      string // who caused it: "octocat"
	Workflow   string // its name
	Name       string // the job's key in the workflow
	RunID      int64
	RunAttempt int64  // from 1
	Workspace  string // where actions/checkout puts the repository
}

// RunURL is the page of the workflow's run, or "" outside of one.
func (j Job) RunURL() string {
	if j.RunID == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%s/actions/runs/%d", j.ServerURL, j.Repository, j.RunID)
}

// Payload reads from the event what is wanted of it, as json.Unmarshal does.
func (j Job) Payload(wanted any) error {
	text, err := json.Marshal(j.Event)
	if err == nil {
		err = json.Unmarshal(text, wanted)
	}
	if err != nil {
		return hint.Wrap(fmt.Errorf("read the event's payload: %w", err), "GITHUB_EVENT_PATH must name the file that GitHub wrote for this event")
	}
	return nil
}
