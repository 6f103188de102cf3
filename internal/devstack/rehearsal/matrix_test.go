//go:build e2e

package rehearsal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

const (
	jobWorkflow = "org/release-actions/.github/workflows/release.yml@refs/tags/v1"
	asCalled    = "https://github.com/" + jobWorkflow
)

// TestReusableWorkflow builds each platform in a job of its own, and compares
// what is released with what a single job releases.
func TestReusableWorkflow(t *testing.T) {
	// Else the images differ in the time of their label "created".
	epoch := map[string]string{"SOURCE_DATE_EPOCH": "1767323045"}
	s := stage(t, example(t, "native-matrix.yml"))
	out := succeed(t, s, rehearsal.Trial{Tag: "v4.0.0", JobWorkflow: jobWorkflow, Env: epoch})
	if jobs := regexp.MustCompile(`(?m)Run Main org/release-actions/actions/build-push@v1$`).FindAllString(out.Log, -1); len(jobs) != len(platforms) {
		t.Errorf("%d jobs built, want %d", len(jobs), len(platforms))
	}
	called := rehearsal.NewJudges(world.Env, "").Expect(asCalled)
	for _, verdict := range called.Judge(t.Context(), repositories, "4.0.0", platforms) {
		if verdict.Err != nil {
			t.Error(verdict)
		}
	}
	page := release(t, "v4.0.0")
	if len(page) != 1 || page[0].Draft || !strings.Contains(page[0].Body, asCalled) {
		t.Errorf("the release page doesn't name who signed: %+v", page)
	}
	if n := printedCommands(t, page[0].Body, nil); n["verify"] != 1 || n["cosign"] != 8 || !strings.Contains(page[0].Body, "--certificate-github-workflow-repository acme/hello ") {
		t.Errorf("the page has the commands %v:\n%s", n, page[0].Body)
	}
	noCredential(t, "the log", out.Raw)

	// The same commit and version elsewhere, by one job, and without another page.
	other := filepath.Join(s.Dir, "single.yml")
	workflow := strings.NewReplacer("${{ github.repository }}", "acme/single", "version: ${{ inputs.version }}", "release: false").Replace(example(t, "every-event.yml")(""))
	if err := os.WriteFile(other, []byte(workflow), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, s, rehearsal.Trial{Tag: "v4.0.0", Workflow: other, Env: epoch}); out.Code != 0 {
		t.Fatalf("the single job failed:\n%s", out.Log)
	}
	equal(t, called, "ghcr.io/acme/hello:4.0.0", "ghcr.io/acme/single:4.0.0")
	if merged := buildAttestations(t, "docker.io/acme/hello", digestOf(t, "docker.io/acme/hello:4.0.0")); len(merged) != len(platforms) {
		t.Errorf("the index has the attestations %v, want one for each of %d platforms", merged, len(platforms))
	}

	t.Run("a re-run changes nothing", func(t *testing.T) {
		before := public(t)
		out := succeed(t, s, rehearsal.Trial{Tag: "v4.0.0", JobWorkflow: jobWorkflow, Env: epoch})
		if strings.Contains(out.Log, "Run Main org/release-actions/actions/build-push@v1") {
			t.Errorf("it has built again:\n%s", out.Log)
		}
		if after := public(t); after != before {
			t.Errorf("it has changed\n%s\nto\n%s", before, after)
		}
	})
}

func digestOf(t *testing.T, ref string) string {
	t.Helper()
	digest, err := rehearsal.NewJudges(world.Env, "").Digest(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// TestReusableWorkflowMayNotPush has a fork's pull request built on a runner
// for each platform, and nothing of it published.
func TestReusableWorkflowMayNotPush(t *testing.T) {
	before := public(t)
	out := succeed(t, stage(t, example(t, "native-matrix.yml")), rehearsal.Trial{Event: forkPull})
	if after := public(t); after != before {
		t.Errorf("something public has changed from\n%s\nto\n%s", before, after)
	}
	if n := strings.Count(out.Summary, "Read from the OCI layout"); n != len(platforms) || !strings.Contains(out.Summary, "the fork mallory/hello") {
		t.Errorf("%d jobs catalogued a layout, want %d:\n%s", n, len(platforms), out.Summary)
	}
	if strings.Contains(out.Log, "Run Main org/release-actions@v1") {
		t.Errorf("the release was begun:\n%s", out.Log)
	}
}
