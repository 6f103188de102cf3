package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/steps/plan"
)

// fork and own are payloads of pull requests, and of runs that they started.
const (
	own    = `{"number":12,"pull_request":{"number":12,"head":{"repo":{"full_name":"Acme/Hello"}}}}`
	fork   = `{"number":12,"pull_request":{"number":12,"head":{"repo":{"full_name":"mallory/hello"}}}}`
	gone   = `{"number":12,"pull_request":{"number":12,"head":{"repo":null}}}`
	ownRun = `{"workflow_run":{"event":%q,"head_repository":{"full_name":"acme/hello"}}}`
	forked = `{"workflow_run":{"event":"push","head_repository":{"full_name":"mallory/hello"}}}`
)

func event(t *testing.T, name, ref, actor, payload string) plan.Event {
	t.Helper()
	var fields map[string]any
	if payload != "" {
		if err := json.Unmarshal([]byte(payload), &fields); err != nil {
			t.Fatal(err)
		}
	}
	e, err := plan.NewEvent(job.Job{EventName: name, Ref: ref, Repository: "acme/hello", Actor: actor, Event: fields})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// config makes a valid Config of inputs.
func config(t *testing.T, inputs map[string]string) plan.Config {
	t.Helper()
	cfg, err := parse(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func parse(inputs map[string]string) (plan.Config, error) {
	cfg := plan.Config{Version: inputs["version"]}
	errs := []error{cfg.Runners.UnmarshalText([]byte(inputs["runners"]))}
	for name, choice := range map[string]**bool{"push": &cfg.Push, "release": &cfg.Release} {
		if text := inputs[name]; text != "" {
			*choice = new(bool)
			**choice = text == "true"
		}
	}
	for text := range strings.FieldsFuncSeq(inputs["platforms"], func(r rune) bool { return r == ',' }) {
		platform, err := image.ParsePlatform(text)
		cfg.Platforms, errs = append(cfg.Platforms, platform), append(errs, err)
	}
	return cfg, errors.Join(append(errs, cfg.Validate())...)
}

func TestWhatAnEventCallsFor(t *testing.T) {
	t.Parallel()
	const main, version, other, pull = "refs/heads/main", "refs/tags/v1.2.3", "refs/tags/nightly", "refs/pull/12/merge"
	for _, test := range []struct {
		name, ref, actor, payload, version string
		want                               string // push, release
		reason                             string
	}{
		{name: "push", ref: version, want: "true true", reason: "the tag v1.2.3 was pushed"},
		{name: "push", ref: "refs/tags/1.3.0-rc.1", want: "true true", reason: "the tag 1.3.0-rc.1 was pushed"},
		{name: "push", ref: "refs/tags/app-1.2.3", want: "true true", reason: "the tag app-1.2.3 was pushed"},
		{name: "push", ref: other, want: "true false", reason: "the tag nightly was pushed, which names no version"},
		{name: "push", ref: "refs/tags/v1", want: "true false", reason: "the tag v1 was pushed, which names no version"},
		{name: "push", ref: main, want: "true false", reason: "the branch main was pushed"},
		{name: "push", ref: "refs/heads/v1.2.3", want: "true false", reason: "the branch v1.2.3 was pushed"},
		{name: "push", ref: main, actor: "dependabot[bot]", want: "false false", reason: "the branch main was pushed by Dependabot"},
		{name: "push", ref: version, actor: "dependabot[bot]", want: "false false", reason: "the tag v1.2.3 was pushed by Dependabot"},
		{name: "create", ref: version, want: "true true", reason: "the tag v1.2.3 was created"},
		{name: "create", ref: "refs/heads/topic", want: "true false", reason: "the branch topic was created"},
		{name: "delete", ref: main, want: "false false", reason: "the event is delete, which changes no code"},
		{name: "release", ref: version, payload: `{"action":"published"}`, want: "true true", reason: "a release of the tag v1.2.3 was published"},
		{name: "release", ref: other, payload: `{"action":"prereleased"}`, want: "true true", reason: "a release of the tag nightly was prereleased"},
		{name: "release", ref: version, payload: `{"action":"deleted"}`, want: "false false", reason: "the release of the tag v1.2.3 was deleted"},
		{name: "release", ref: version, payload: `{"action":"unpublished"}`, want: "false false", reason: "the release of the tag v1.2.3 was unpublished"},
		{name: "workflow_dispatch", ref: main, want: "true false", reason: "the event is workflow_dispatch on the branch main"},
		{name: "workflow_dispatch", ref: main, version: "v1.2.3", want: "true true", reason: `"version" is v1.2.3, on the branch main`},
		{name: "workflow_dispatch", ref: version, want: "true true", reason: "the event is workflow_dispatch on the tag v1.2.3"},
		{name: "workflow_dispatch", ref: other, version: "v1.2.3", want: "true true", reason: "the event is workflow_dispatch on the tag nightly"},
		{name: "repository_dispatch", ref: main, want: "true false", reason: "the event is repository_dispatch on the branch main"},
		{name: "schedule", ref: main, want: "true false", reason: "the event is schedule on the branch main"},
		{name: "schedule", ref: main, actor: "dependabot[bot]", want: "true false", reason: "the event is schedule on the branch main"},
		{name: "deployment", ref: version, want: "true true", reason: "the event is deployment on the tag v1.2.3"},
		{name: "deployment", ref: "", want: "true false", reason: "the event is deployment on no ref"},
		{name: "deployment_status", ref: main, actor: "dependabot[bot]", want: "false false", reason: "the event is deployment_status on the branch main by Dependabot"},
		{name: "pull_request", ref: pull, payload: own, want: "false false", reason: "it is for the pull request #12"},
		{name: "pull_request", ref: pull, payload: own, version: "v1.2.3", want: "false false", reason: "it is for the pull request #12"},
		{name: "pull_request", ref: pull, payload: own, actor: "dependabot[bot]", want: "false false", reason: "it is for the pull request #12 by Dependabot"},
		{name: "pull_request", ref: pull, payload: fork, want: "false false", reason: "it is for the pull request #12 from the fork mallory/hello"},
		{name: "pull_request", ref: pull, payload: gone, want: "false false", reason: "it is for the pull request #12 from a fork that is gone"},
		{name: "pull_request", ref: pull, want: "false false", reason: "it is for a pull request"},
		{name: "pull_request_target", ref: main, payload: own, want: "false false", reason: "it is for the pull request #12"},
		{name: "pull_request_target", ref: main, payload: fork, want: "false false", reason: "it is for the pull request #12 from the fork mallory/hello"},
		{name: "pull_request_review", ref: pull, payload: own, want: "false false", reason: "it is for the pull request #12"},
		{name: "pull_request_review_comment", ref: pull, payload: fork, want: "false false", reason: "it is for the pull request #12 from the fork mallory/hello"},
		{name: "merge_group", ref: "refs/heads/gh-readonly-queue/main/pr-1-abc", want: "false false", reason: "it is for the merge queue of the branch gh-readonly-queue/main/pr-1-abc"},
		{name: "workflow_run", ref: main, payload: fmt.Sprintf(ownRun, "push"), want: "true false", reason: "the event is workflow_run on the branch main"},
		{name: "workflow_run", ref: main, payload: fmt.Sprintf(ownRun, "push"), version: "v1.2.3", want: "true true", reason: `"version" is v1.2.3, on the branch main`},
		{name: "workflow_run", ref: main, payload: fmt.Sprintf(ownRun, "pull_request"), want: "false false", reason: "it follows a workflow that ran for the event pull_request"},
		{name: "workflow_run", ref: main, payload: fmt.Sprintf(ownRun, "merge_group"), want: "false false", reason: "it follows a workflow that ran for the event merge_group"},
		{name: "workflow_run", ref: main, payload: forked, version: "v1.2.3", want: "false false", reason: "it follows a workflow that ran for the event push from the fork mallory/hello"},
		{name: "workflow_run", ref: main, want: "false false", reason: "it follows a workflow of which the event doesn't tell"},
		{name: "issue_comment", ref: main, want: "false false", reason: "the event is issue_comment, which changes no code"},
		{name: "watch", ref: main, version: "v1.2.3", want: "false false", reason: "the event is watch, which changes no code"},
		{name: "an_event_of_2030", ref: version, want: "false false", reason: "the event is an_event_of_2030, which changes no code"},
		{name: "", want: "false false", reason: "it runs outside of a workflow"},
	} {
		t.Run(strings.Join([]string{test.name, test.ref, test.actor, test.version}, " "), func(t *testing.T) {
			t.Parallel()
			cfg := config(t, map[string]string{"version": test.version})
			r, err := plan.Run(cfg, plan.Deps{Event: event(t, test.name, test.ref, test.actor, test.payload), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(r.Push, r.Release); got != test.want || r.Reason != test.reason {
				t.Errorf("push, release: %s because %q, want %s because %q", got, r.Reason, test.want, test.reason)
			}
		})
	}
}

func TestInputsDecideOtherwise(t *testing.T) {
	t.Parallel()
	const main, version, pull = "refs/heads/main", "refs/tags/v1.2.3", "refs/pull/12/merge"
	for _, test := range []struct {
		name, ref, payload, version, push, release string
		want, reason                               string
		fails, mend                                string
	}{
		{name: "push", ref: version, release: "false", want: "true false", reason: `the tag v1.2.3 was pushed, but "release" is false`},
		{name: "push", ref: version, push: "false", want: "false false", reason: `the tag v1.2.3 was pushed, but "push" is false`},
		{name: "push", ref: version, push: "true", release: "true", want: "true true", reason: "the tag v1.2.3 was pushed"},
		{name: "push", ref: main, push: "false", want: "false false", reason: `the branch main was pushed, but "push" is false`},
		{name: "push", ref: main, push: "false", release: "false", want: "false false", reason: `the branch main was pushed, but "push" is false`},
		{name: "push", ref: main, release: "true", version: "v1.2.3", want: "true true", reason: `"version" is v1.2.3, on the branch main`},
		{name: "pull_request", ref: pull, payload: own, push: "true", want: "true false", reason: `it is for the pull request #12, and "push" is true`},
		{name: "pull_request_target", ref: main, payload: own, push: "true", want: "true false", reason: `it is for the pull request #12, and "push" is true`},
		{name: "issue_comment", ref: main, push: "true", want: "true false", reason: `the event is issue_comment, which changes no code, and "push" is true`},

		{name: "pull_request", ref: pull, payload: fork, push: "true", fails: "its token is read-only", mend: `leave "push" out`},
		{name: "pull_request", ref: pull, payload: gone, push: "true", fails: "a fork that is gone, and its token is read-only", mend: `leave "push" out`},
		{name: "pull_request", ref: pull, push: "true", fails: "doesn't tell whose code it is", mend: `leave "push" out`},
		{name: "pull_request_target", ref: main, payload: fork, push: "true", fails: "code of others must not be published", mend: `leave "push" out`},
		{name: "workflow_run", ref: main, payload: forked, push: "true", fails: "code of others must not be published", mend: `leave "push" out`},
		{name: "workflow_run", ref: main, push: "true", fails: "nobody knows whose code it is", mend: `leave "push" out`},
		{name: "push", ref: main, release: "true", fails: "no version to release: the branch main was pushed", mend: `give the input "version"`},
		{name: "pull_request", ref: pull, payload: own, release: "true", fails: "without a push", mend: `leave "release" out`},
		{name: "pull_request", ref: pull, payload: own, push: "true", release: "true", version: "v1.2.3", fails: "no version to release", mend: `give the input "version"`},
	} {
		t.Run(strings.Join([]string{test.name, test.ref, test.push, test.release}, " "), func(t *testing.T) {
			t.Parallel()
			cfg := config(t, map[string]string{"version": test.version, "push": test.push, "release": test.release})
			r, err := plan.Run(cfg, plan.Deps{Event: event(t, test.name, test.ref, "octocat", test.payload), Log: slog.New(slog.DiscardHandler)})
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) || r.Summary() != "" {
					t.Errorf("error %v with %q, want %q with %q; summary %q", err, hint.Of(err), test.fails, test.mend, r.Summary())
				}
				return
			}
			if got := fmt.Sprint(r.Push, r.Release); err != nil || got != test.want || r.Reason != test.reason {
				t.Errorf("push, release: %s because %q, %v, want %s because %q", got, r.Reason, err, test.want, test.reason)
			}
		})
	}
}

func TestDependabotCanNeverPush(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{"push": "", "pull_request": own, "pull_request_target": own, "create": ""} {
		cfg := config(t, map[string]string{"push": "true"})
		_, err := plan.Run(cfg, plan.Deps{Event: event(t, name, "refs/heads/dependabot/x", "dependabot[bot]", payload), Log: slog.New(slog.DiscardHandler)})
		if err == nil || len(hint.Of(err)) != 1 {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestBadInputs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		inputs     map[string]string
		want, mend string
	}{
		{map[string]string{"version": "latest"}, `input "version": "latest" is not a version`, "v1.2.3"},
		{map[string]string{"version": "1.2"}, `input "version": "1.2" is not a version`, "v1.2.3"},
		{map[string]string{"push": "false", "release": "true"}, `"release: true" contradicts "push: false"`, "leave out one"},
	} {
		_, err := parse(test.inputs)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) {
			t.Errorf("%v: error %v with %q, want %q with %q", test.inputs, err, hint.Of(err), test.want, test.mend)
		}
	}
}

func TestSummaryStartsWithWhatIsDone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, ref, payload, want string }{
		{"push", "refs/tags/v1.2.3", "", "## Release of `v1.2.3`\n\nBuilt, pushed, signed, attested, verified and tagged; then come the GitHub release and Docker Hub's page.\n\n" +
			"- **Why**: `the tag v1.2.3 was pushed`\n- **Platforms**: `linux/amd64`, `linux/arm/v7`\n"},
		{"push", "refs/heads/<b>", "", "## Push without a release\n\nBuilt, pushed, signed, attested, verified and tagged. There is no GitHub release, and Docker Hub's page stays as it is.\n\n" +
			"- **Why**: `the branch <b> was pushed`\n- **Platforms**: `linux/amd64`, `linux/arm/v7`\n"},
		{"pull_request", "refs/pull/12/merge", own, "## Build without a push\n\nBuilt into an OCI layout and catalogued from there. Nothing is pushed, signed or released.\n\n" +
			"- **Why**: `it is for the pull request #12`\n- **Platforms**: `linux/amd64`, `linux/arm/v7`\n"},
	} {
		cfg := config(t, map[string]string{"platforms": "linux/amd64,linux/arm/v7,linux/arm/v7"})
		r, err := plan.Run(cfg, plan.Deps{Event: event(t, test.name, test.ref, "octocat", test.payload), Log: slog.New(slog.DiscardHandler)})
		if err != nil || r.Summary() != test.want {
			t.Errorf("%s of %s: %v\n%s\nwant\n%s", test.name, test.ref, err, r.Summary(), test.want)
		}
	}
}

func TestPayloadThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := plan.NewEvent(job.Job{EventName: "pull_request", Ref: "refs/pull/1/merge", Event: map[string]any{"pull_request": "x"}})
	if err == nil || !strings.Contains(strings.Join(hint.Of(err), " "), "GITHUB_EVENT_PATH") {
		t.Errorf("error %v", err)
	}
}

// FuzzEvent holds what must be true whatever an event says: no push of a fork's
// code, no release without a push.
func FuzzEvent(f *testing.F) {
	for _, payload := range []string{"", own, fork, gone, forked, `{"action":"published"}`} {
		f.Add("pull_request", "refs/pull/1/merge", "octocat", payload, "v1.2.3")
		f.Add("workflow_run", "refs/heads/main", "dependabot[bot]", payload, "")
		f.Add("release", "refs/tags/v1.2.3", "octocat", payload, "")
	}
	f.Fuzz(func(t *testing.T, name, ref, actor, payload, version string) {
		var fields map[string]any
		if json.Unmarshal([]byte(payload), &fields) != nil {
			return
		}
		e, err := plan.NewEvent(job.Job{EventName: name, Ref: ref, Repository: "acme/hello", Actor: actor, Event: fields})
		if err != nil {
			return
		}
		r, err := plan.Run(plan.Config{Version: version}, plan.Deps{Event: e, Log: slog.New(slog.DiscardHandler)})
		if err != nil || r.Reason == "" || r.Release && !r.Push || r.Push && strings.Contains(payload, "mallory/hello") && strings.HasPrefix(name, "pull_request") {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
