package rehearsal

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Event is what starts a run.
type Event struct {
	Name    string         // "pull_request"
	Ref     string         // "refs/heads/main"
	Actor   string         // octocat where empty
	Payload map[string]any // what it has beside what every event has
	// ReadOnly gives the run what GitHub gives those for forks and by Dependabot:
	// a token that may read, no secrets, and no OIDC token.
	ReadOnly bool
}

// restrict takes from the environment what the event's run doesn't get.
func (e Event) restrict(env map[string]string) {
	if !e.ReadOnly {
		return
	}
	env["GITHUB_TOKEN"] = env["GITHUB_READ_TOKEN"]
	for _, name := range []string{"DOCKERHUB_USERNAME", "DOCKERHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		delete(env, name)
	}
}

// writeEvent writes the payload that the runner hands to the workflow.
func (s *Stage) writeEvent(e Event) error {
	owner, name, _ := strings.Cut(s.Repository, "/")
	payload := map[string]any{
		"ref":     e.Ref,
		"after":   s.Commit,
		"created": true,
		"repository": map[string]any{
			"name": name, "full_name": s.Repository, "private": false, "visibility": "public", "default_branch": "main",
			"html_url": "https://github.com/" + s.Repository, "description": "Says hello",
			"owner": map[string]any{"login": owner}, "license": map[string]any{"spdx_id": "Apache-2.0"},
		},
		"head_commit": map[string]any{"id": s.Commit, "timestamp": "2026-01-02T03:04:05Z", "message": "Say hello"},
		"sender":      map[string]any{"login": "octocat"},
	}
	maps.Copy(payload, e.Payload)
	text, err := json.MarshalIndent(payload, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Dir, "event.json"), text, 0o644)
}

// variables are those that GitHub's runner has of the run, and act sets otherwise or
// not at all.
//
// https://docs.github.com/actions/reference/workflows-and-actions/variables
func (e Event) variables() map[string]string {
	return map[string]string{
		"GITHUB_REF": e.Ref, "GITHUB_WORKFLOW_REF": Repository + "/" + Workflow + "@" + e.Ref, "GITHUB_RUN_ATTEMPT": "1", "RUNNER_ENVIRONMENT": "github-hosted",
	}
}

// aimIDToken makes the OIDC issuer speak of this repository, event and commit,
// as GitHub's does of a run's own.
func (s *Stage) aimIDToken(env map[string]string, e Event, jobWorkflow string) {
	endpoint := env["ACTIONS_ID_TOKEN_REQUEST_URL"]
	if endpoint == "" {
		return
	}
	claims := url.Values{
		"ref": {e.Ref}, "sha": {s.Commit}, "repository": {s.Repository}, "event_name": {e.Name},
		"workflow_ref": {s.Repository + "/" + s.Workflow + "@" + e.Ref}, "workflow_sha": {s.Commit}, "job_workflow_sha": {s.Commit},
	}
	if jobWorkflow != "" {
		claims.Set("job_workflow_ref", jobWorkflow)
	}
	env["ACTIONS_ID_TOKEN_REQUEST_URL"] = endpoint + "&" + claims.Encode()
}
