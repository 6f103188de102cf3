package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/steps/plan"
)

func TestContract(t *testing.T) { actiontest.Contract[plan.Config, plan.Result](t) }

func TestPlansByTheRunnersContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	event := filepath.Join(dir, "event.json")
	payload := `{"action":"opened","number":7,"pull_request":{"number":7,"head":{"repo":{"full_name":"mallory/hello"}}}}`
	if err := os.WriteFile(event, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octocat/hello", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge",
		"GITHUB_ACTOR": "mallory", "GITHUB_EVENT_PATH": event,
		"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
	}
	var out bytes.Buffer
	code := action.Run(t.Context(), "plan", contract, action.Process{Getenv: func(name string) string { return env[name] }, Stdout: &out, Stderr: &out}, run)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, &out)
	}
	for file, wants := range map[string][]string{
		"output":  {"\nfalse\n", `{"include":[{"index":0,"name":"linux-amd64","platform":"linux/amd64","runner":"ubuntu-24.04"},{"index":1,"name":"linux-arm64","platform":"linux/arm64","runner":"ubuntu-24.04-arm"}]}`},
		"summary": {"## Build without a push\n", "the fork mallory/hello"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		for _, want := range wants {
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %q: %s, %v", file, want, text, err)
			}
		}
	}
}
