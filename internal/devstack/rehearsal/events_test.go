//go:build e2e

package rehearsal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

const onMain = "https://github.com/" + rehearsal.Repository + "/" + rehearsal.Workflow + "@refs/heads/main"

var (
	branchPush = rehearsal.Event{Name: "push", Ref: "refs/heads/main"}
	forkPull   = rehearsal.Event{Name: "pull_request", Ref: "refs/pull/12/merge", Actor: "mallory", ReadOnly: true, Payload: map[string]any{
		"action": "opened", "number": 12,
		"pull_request": map[string]any{
			"number": 12,
			"head":   map[string]any{"ref": "topic", "sha": strings.Repeat("b", 40), "repo": map[string]any{"full_name": "mallory/hello"}},
			"base":   map[string]any{"ref": "main", "repo": map[string]any{"full_name": rehearsal.Repository}},
		},
	}}
	dependabotPush = rehearsal.Event{Name: "push", Ref: "refs/heads/main", Actor: "dependabot[bot]", ReadOnly: true}
)

func dispatch(version string) rehearsal.Event {
	return rehearsal.Event{Name: "workflow_dispatch", Ref: "refs/heads/main", Payload: map[string]any{"inputs": map[string]any{"version": version}}}
}

// example has the stage run another of the examples' workflows.
func example(t *testing.T, name string) func(string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, "examples", "workflows", name))
	if err != nil {
		t.Fatal(err)
	}
	return func(string) string { return string(text) }
}

// public is what people can see of an image: tags, releases and its page.
func public(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, repository := range repositories {
		for _, tag := range tags(t, repository) {
			digest, err := rehearsal.NewJudges(world.Env, "v0.0.0").Digest(t.Context(), repository+":"+tag)
			fmt.Fprintln(&b, repository, tag, digest, err)
		}
	}
	for _, r := range releases(t) {
		fmt.Fprintln(&b, r.ID, r.TagName, r.Draft, r.Body)
	}
	b.WriteString(hubPage(t))
	return b.String()
}

func hubPage(t *testing.T) string {
	t.Helper()
	var page struct {
		Full string `json:"full_description"`
	}
	if err := world.Get(t.Context(), "https://hub.docker.com/v2/repositories/acme/hello/", &page); err != nil && !strings.Contains(err.Error(), "404") {
		t.Fatal(err)
	}
	return page.Full
}

func TestABranchIsPushedAndNotReleased(t *testing.T) {
	before, page := releases(t), hubPage(t)
	out := succeed(t, stage(t, example(t, "every-event.yml")), rehearsal.Trial{Event: branchPush})
	if !strings.HasPrefix(out.Summary, "## Push without a release\n") || !strings.Contains(out.Summary, "the branch main was pushed") {
		t.Errorf("the summary doesn't start with what is done, and why:\n%s", out.Summary)
	}
	for _, verdict := range rehearsal.NewJudges(world.Env, "").Expect(onMain).Judge(t.Context(), repositories, "main", platforms) {
		if verdict.Err != nil {
			t.Error(verdict)
		}
	}
	if after := releases(t); len(after) != len(before) || hubPage(t) != page {
		t.Errorf("there are %d releases, were %d; or Docker Hub's page is another", len(after), len(before))
	}
	for _, repository := range repositories {
		if found := tags(t, repository); slices.Contains(found, "pr-12") {
			t.Errorf("%s has the tags %v", repository, found)
		}
	}
}

func TestWhatMayNotPushIsBuilt(t *testing.T) {
	for _, test := range []struct {
		name   string
		event  rehearsal.Event
		with   string // more inputs
		reason string
	}{
		{"a fork's pull request", forkPull, "", "it is for the pull request #12 from the fork mallory/hello"},
		{"Dependabot's push", dependabotPush, "", "the branch main was pushed by Dependabot"},
		{"digests that it can't have", forkPull, "\n          digests: sha256:" + strings.Repeat("0", 64), "it is for the pull request #12"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := public(t)
			workflow := example(t, "every-event.yml")
			out := succeed(t, stage(t, func(w string) string {
				return strings.Replace(workflow(w), "version: ${{ inputs.version }}", "version: ${{ inputs.version }}"+test.with, 1)
			}), rehearsal.Trial{Event: test.event})
			if after := public(t); after != before {
				t.Errorf("something public has changed from\n%s\nto\n%s", before, after)
			}
			for _, want := range []string{"## Build without a push\n", test.reason, "Read from the OCI layout", "linux/arm/v7"} {
				if !strings.Contains(out.Summary, want) {
					t.Errorf("the summary lacks %q:\n%s", want, out.Summary)
				}
			}
			for _, want := range []string{"pushed false, released false", "sbom-linux-amd64.spdx.json", "sbom-linux-arm-v7.cdx.json", "sbom-index.spdx.json"} {
				if !strings.Contains(out.Log, want) {
					t.Errorf("the log lacks %q:\n%s", want, out.Log)
				}
			}
			built := regexp.MustCompile("`(sha256:[0-9a-f]{64})`, which was not pushed").FindStringSubmatch(out.Summary)
			if built == nil {
				t.Fatalf("the summary names no image:\n%s", out.Summary)
			}
			for _, repository := range repositories {
				if digest, err := rehearsal.NewJudges(world.Env, "v0.0.0").Digest(t.Context(), repository+"@"+built[1]); err == nil {
					t.Errorf("%s has %s", repository, digest)
				}
			}
		})
	}
}

func TestAPushThatCantBe(t *testing.T) {
	edit := example(t, "every-event.yml")
	before := public(t)
	out := run(t, stage(t, func(w string) string {
		return strings.Replace(edit(w), "version: ${{ inputs.version }}", "push: true", 1)
	}), rehearsal.Trial{Event: forkPull})
	if out.Code == 0 || !strings.Contains(out.Log, "its token is read-only") || !strings.Contains(out.Log, `leave "push" out`) {
		t.Errorf("exit %d:\n%s", out.Code, out.Log)
	}
	if after := public(t); after != before {
		t.Errorf("something public has changed to\n%s", after)
	}
}

// TestAVersionByHand releases from a branch: the git tag comes with the release.
func TestAVersionByHand(t *testing.T) {
	s := stage(t, example(t, "every-event.yml"))
	out := succeed(t, s, rehearsal.Trial{Event: dispatch("v1.9.0")})
	if !strings.HasPrefix(out.Summary, "## Release of `v1.9.0`\n") || !strings.Contains(out.Summary, `"version" is v1.9.0, on the branch main`) {
		t.Errorf("the summary doesn't start with what is done, and why:\n%s", out.Summary)
	}
	approveAs := func() {
		for _, verdict := range rehearsal.NewJudges(world.Env, "").Expect(onMain).Judge(t.Context(), repositories, "1.9.0", platforms) {
			if verdict.Err != nil {
				t.Error(verdict)
			}
		}
	}
	approveAs()
	var made struct{ Object struct{ SHA string } }
	if err := world.Get(t.Context(), "https://api.github.com/repos/acme/hello/git/ref/tags/v1.9.0", &made); err != nil || made.Object.SHA != s.Commit {
		t.Errorf("the tag is at %q, want %s, %v", made.Object.SHA, s.Commit, err)
	}
	page := release(t, "v1.9.0")
	if len(page) != 1 || page[0].Draft || !strings.Contains(page[0].Body, onMain) {
		t.Fatalf("releases of v1.9.0: %+v", page)
	}
	before := public(t)
	succeed(t, s, rehearsal.Trial{Event: dispatch("v1.9.0")})
	approveAs() // which asks for one signature, not two
	if after := public(t); after != before {
		t.Errorf("the re-run has changed\n%s\nto\n%s", before, after)
	}
}
