package metadata

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
)

// Event is what started the workflow.
type Event struct {
	Name    string // "push", "pull_request", …
	Ref     string // "refs/heads/…", "refs/tags/…", "refs/pull/…"
	SHA     string
	Payload Payload
}

// Payload is the part of an event that rules and labels ask for.
//
// https://docs.github.com/webhooks/webhook-events-and-payloads
type Payload struct {
	Number      int    `json:"number"`   // of the pull request
	BaseRef     string `json:"base_ref"` // of a pushed tag, where GitHub knows the branch
	PullRequest struct {
		Head struct{ SHA string }
		Base struct{ Ref string }
	} `json:"pull_request"`
	HeadCommit *Commit         `json:"head_commit"`
	Commits    []Commit        `json:"commits"`
	Repository json.RawMessage `json:"repository"`
}

// Commit is a commit of a push.
type Commit struct {
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"` // RFC 3339
}

// newEvent returns the event that the job was started by.
func newEvent(j job.Job) (Event, error) {
	e := Event{Name: j.EventName, Ref: j.Ref, SHA: j.Commit}
	return e, j.Payload(&e.Payload)
}

// effective returns the event as rules see it: a workflow of
// pull_request_target runs on the base branch, and is about the pull request.
func (e Event) effective(prHead bool) Event {
	if strings.Contains(e.Name, "pull_request_target") {
		e.Ref = pullRef + strconv.Itoa(e.Payload.Number) + "/merge"
	}
	if head := e.Payload.PullRequest.Head.SHA; prHead && head != "" && strings.Contains(e.Name, "pull_request") {
		e.SHA = head
	}
	return e
}

// repository returns what the payload says of the repository, and whether that
// is all there is to know.
func (e Event) repository() (about ghapi.About, complete bool) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(e.Payload.Repository, &keys) != nil || json.Unmarshal(e.Payload.Repository, &about) != nil {
		return ghapi.About{}, false
	}
	complete = true
	for _, key := range []string{"name", "description", "html_url", "default_branch", "license"} {
		_, ok := keys[key]
		complete = complete && ok
	}
	return about, complete
}

// commitTime returns when the event's commit was made, as the payload has it.
func (e Event) commitTime() (text string, ok bool) {
	commits := e.Payload.Commits
	if e.Payload.HeadCommit != nil {
		commits = append(commits[:len(commits):len(commits)], *e.Payload.HeadCommit)
	}
	for _, c := range commits {
		if c.ID == e.SHA && c.Timestamp != "" {
			return c.Timestamp, true
		}
	}
	return "", false
}

// Settings are what the environment sets for all runs of the action, by the
// peer's variables.
type Settings struct {
	Now              time.Time
	PRHeadSHA        bool     // the commit is the head of the pull request, not its merge
	ShortSHALength   int      // 7 where unset
	AnnotationLevels []string // "manifest" where unset
	Export           bool     // outputs are variables of the job, too
}

// parseSettings reads the settings. The time is SOURCE_DATE_EPOCH where it is
// set, so that a build can be repeated; a fraction of a second is taken.
//
// https://reproducible-builds.org/specs/source-date-epoch/
func parseSettings(getenv func(string) string, now time.Time) (Settings, error) {
	s := Settings{Now: now.UTC(), ShortSHALength: 7, AnnotationLevels: []string{"manifest"}, Export: true}
	if text := getenv("SOURCE_DATE_EPOCH"); text != "" {
		since, err := time.ParseDuration(text + "s")
		if err != nil || strings.Trim(text, "0123456789.") != "" {
			return Settings{}, hint.Wrap(fmt.Errorf("SOURCE_DATE_EPOCH is %q", text), "set it to seconds since 1970, as \"git log -1 --pretty=%%ct\" prints them")
		}
		s.Now = time.Unix(0, 0).Add(since).UTC()
	}
	s.PRHeadSHA = strings.Contains(strings.ToLower(getenv("DOCKER_METADATA_PR_HEAD_SHA")), "true")
	if text := getenv("DOCKER_METADATA_SHORT_SHA_LENGTH"); text != "" {
		n := number(text)
		if math.IsNaN(n) {
			return Settings{}, hint.Wrap(fmt.Errorf("DOCKER_METADATA_SHORT_SHA_LENGTH is %q", text), "set it to a number of characters")
		}
		s.ShortSHALength = int(max(0, min(n, 1000)))
	}
	if text := getenv("DOCKER_METADATA_ANNOTATIONS_LEVELS"); text != "" {
		s.AnnotationLevels = strings.Split(text, ",")
	}
	if text := getenv("DOCKER_METADATA_SET_OUTPUT_ENV"); text != "" {
		export, err := strconv.ParseBool(text)
		if err != nil {
			return Settings{}, hint.Wrap(fmt.Errorf("DOCKER_METADATA_SET_OUTPUT_ENV is %q", text), "set it to true or false")
		}
		s.Export = export
	}
	return s, nil
}
