package plan

import (
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/release"
)

const dependabot = "dependabot[bot]"

// Event is what started the workflow.
//
// https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
type Event struct {
	Name       string // "push", "pull_request", …; "" outside of a workflow
	Ref        string // "refs/heads/…", "refs/tags/…", "refs/pull/…"
	Repository string // "owner/name"
	Actor      string // who caused it: "octocat"
	Payload    Payload
}

// Payload is the part of an event that a plan depends on.
//
// https://docs.github.com/webhooks/webhook-events-and-payloads
type Payload struct {
	Action      string `json:"action"`
	PullRequest *struct {
		Number int `json:"number"`
		Head   struct {
			Repo *repository `json:"repo"` // nil where the fork was deleted
		} `json:"head"`
	} `json:"pull_request"`
	WorkflowRun *struct {
		Event          string      `json:"event"`
		HeadRepository *repository `json:"head_repository"`
	} `json:"workflow_run"`
}

type repository struct {
	FullName string `json:"full_name"`
}

// NewEvent returns the event that the job was started by.
func NewEvent(j job.Job) (Event, error) {
	e := Event{Name: j.EventName, Ref: j.Ref, Repository: j.Repository, Actor: j.Actor}
	return e, j.Payload(&e.Payload)
}

// decision is what an event calls for.
type decision struct {
	push    bool
	version string // to release; "" where there is none
	why     string
	never   string // why it can't be pushed, whatever the inputs say; "" where it can
}

// decide returns what the event calls for. version is given by hand, or "".
func (e Event) decide(version string) decision {
	if d, ok := e.pullRequest(); ok {
		return d
	}
	if e.Actor == dependabot && dependabotEvents[e.Name] {
		return decision{why: e.source() + " by Dependabot", never: "its token is read-only"}
	}
	switch e.Name {
	case "push", "create", "schedule", "workflow_dispatch", "repository_dispatch", "deployment", "deployment_status":
	case "workflow_run":
		if d, ok := e.workflowRun(); ok {
			return d
		}
	case "release":
		if e.Payload.Action == "deleted" || e.Payload.Action == "unpublished" {
			return decision{why: "the release of " + e.name() + " was " + e.Payload.Action}
		}
	case "":
		return decision{why: "it runs outside of a workflow"}
	default:
		// Whoever may comment, or star a repository, can cause some of these; and
		// none of them, nor an event that is yet to come, changes what is built.
		return decision{why: fmt.Sprintf("the event is %s, which changes no code", e.Name)}
	}
	d := decision{push: true, why: e.source()}
	tag, isTag := strings.CutPrefix(e.Ref, "refs/tags/")
	switch {
	case version != "" && !isTag:
		d.version, d.why = version, fmt.Sprintf("\"version\" is %s, on %s", version, e.name())
	case isTag && (version != "" || e.Name == "release" || release.Fixed(tag)):
		d.version = tag
	case isTag:
		d.why += ", which names no version"
	}
	return d
}

// dependabotEvents are those that give a run of Dependabot a read-only token
// and no secrets.
//
// https://docs.github.com/code-security/dependabot/troubleshooting-dependabot/troubleshooting-dependabot-on-github-actions
var dependabotEvents = map[string]bool{"push": true, "create": true, "deployment": true, "deployment_status": true}

// pullRequest returns what is done where the code is a proposal: no more than
// to see whether it builds.
func (e Event) pullRequest() (decision, bool) {
	switch e.Name {
	case "merge_group":
		return decision{why: "it is for the merge queue of " + e.name()}, true
	case "pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment":
	default:
		return decision{}, false
	}
	d := decision{why: "it is for a pull request"}
	pr := e.Payload.PullRequest
	if pr == nil {
		d.never = "the event doesn't tell whose code it is"
		return d, true
	}
	d.why = fmt.Sprintf("it is for the pull request #%d", pr.Number)
	fork := e.fork(pr.Head.Repo)
	if fork != "" {
		d.why += " from " + fork
	}
	switch {
	case e.Name == "pull_request_target" && (fork != "" || e.Actor == dependabot):
		// Its token can write. All the more must it not vouch for the code.
		d.never = "code of others must not be published and signed in this repository's name"
	case fork != "":
		d.never = "its token is read-only"
	case e.Actor == dependabot:
		d.why, d.never = d.why+" by Dependabot", "its token is read-only"
	}
	return d, true
}

// workflowRun returns what is done after a run for a pull request, whose code
// such workflows often fetch. The token can write.
func (e Event) workflowRun() (decision, bool) {
	run := e.Payload.WorkflowRun
	if run == nil {
		return decision{why: "it follows a workflow of which the event doesn't tell", never: "nobody knows whose code it is"}, true
	}
	d := decision{why: "it follows a workflow that ran for the event " + run.Event}
	if fork := e.fork(run.HeadRepository); fork != "" {
		d.why += " from " + fork
		d.never = "code of others must not be published and signed in this repository's name"
		return d, true
	}
	return d, strings.HasPrefix(run.Event, "pull_request") || run.Event == "merge_group"
}

// fork names the repository that the code is from where that isn't this one.
func (e Event) fork(from *repository) string {
	switch {
	case from == nil || from.FullName == "":
		return "a fork that is gone"
	case strings.EqualFold(from.FullName, e.Repository):
		return ""
	}
	return "the fork " + from.FullName
}

// name names the ref for people.
func (e Event) name() string {
	for prefix, kind := range map[string]string{"refs/heads/": "the branch ", "refs/tags/": "the tag "} {
		if name, ok := strings.CutPrefix(e.Ref, prefix); ok {
			return kind + name
		}
	}
	if e.Ref == "" {
		return "no ref"
	}
	return e.Ref
}

// source says what happened, for people.
func (e Event) source() string {
	switch e.Name {
	case "push":
		return e.name() + " was pushed"
	case "create":
		return e.name() + " was created"
	case "release":
		return "a release of " + e.name() + " was " + e.Payload.Action
	}
	return "the event is " + e.Name + " on " + e.name()
}
