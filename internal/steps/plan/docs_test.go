package plan_test

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/steps/plan"
)

// places are what the table of docs/events.md has in its column "where".
var places = map[string][]struct{ ref, actor, payload, version string }{
	"a version's tag: `v1.2.3`, `1.3.0-rc.1`, `app-1.2.3`": {{ref: "refs/tags/v1.2.3"}, {ref: "refs/tags/1.3.0-rc.1"}, {ref: "refs/tags/app-1.2.3"}},
	"another tag":                        {{ref: "refs/tags/nightly"}, {ref: "refs/tags/v1"}},
	"a branch":                           {{ref: "refs/heads/main"}, {ref: "refs/heads/v1.2.3"}},
	"a branch, with the input `version`": {{ref: "refs/heads/main", version: "v1.2.3"}},
	"any tag; the activity is not `deleted` or `unpublished`":         {{ref: "refs/tags/nightly", payload: `{"action":"published"}`}, {ref: "refs/tags/v1.2.3", payload: `{"action":"edited"}`}},
	"any tag; the activity is `deleted` or `unpublished`":             {{ref: "refs/tags/v1.2.3", payload: `{"action":"deleted"}`}, {ref: "refs/tags/v1.2.3", payload: `{"action":"unpublished"}`}},
	"after a run for a branch or tag of this repository":              {{ref: "refs/heads/main", payload: fmt.Sprintf(ownRun, "push")}},
	"after a run for a pull request, for a merge queue, or of a fork": {{ref: "refs/heads/main", payload: fmt.Sprintf(ownRun, "pull_request")}, {ref: "refs/heads/main", payload: fmt.Sprintf(ownRun, "merge_group")}, {ref: "refs/heads/main", payload: forked}},
	"any":           {{ref: "refs/heads/main"}, {ref: "refs/tags/v1.2.3"}, {ref: "refs/pull/12/merge", payload: own}, {ref: "refs/pull/12/merge", payload: fork}},
	"by Dependabot": {{ref: "refs/heads/main", actor: "dependabot[bot]"}, {ref: "refs/tags/v1.2.3", actor: "dependabot[bot]"}},
}

// events are all that start workflows, but for workflow_call, whose runs have
// the caller's event.
//
// https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
var events = strings.Fields(`branch_protection_rule check_run check_suite create delete deployment deployment_status discussion
	discussion_comment fork gollum image_version issue_comment issues label merge_group milestone page_build public pull_request
	pull_request_review pull_request_review_comment pull_request_target push registry_package release repository_dispatch schedule
	status watch workflow_dispatch workflow_run`)

func TestDocumentedEvents(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*) \\| (.*) \\| (release|push|build) \\|$").FindAllStringSubmatch(string(text), -1) {
		where, ok := places[row[2]]
		if !ok {
			t.Errorf("nobody knows where %q is", row[2])
		}
		for name := range strings.SplitSeq(row[1], ", ") {
			name = strings.Trim(name, "`")
			seen[name] = true
			if !slices.Contains(events, name) {
				t.Errorf("GitHub has no event %q", name)
			}
			for _, w := range where {
				r, err := plan.Run(config(t, map[string]string{"version": w.version}), plan.Deps{Event: event(t, name, w.ref, w.actor, w.payload), Log: slog.New(slog.DiscardHandler)})
				done := "build"
				if r.Release {
					done = "release"
				} else if r.Push {
					done = "push"
				}
				if err != nil || done != row[3] {
					t.Errorf("%s on %s, %s: %s, %v; the table says %s", name, w.ref, w.payload, done, err, row[3])
				}
			}
		}
	}
	for _, name := range events {
		if !seen[name] {
			t.Errorf("the table lacks the event %q", name)
		}
	}
}
