package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/devstack/standin/github/githubtest"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

func TestContract(t *testing.T) {
	actiontest.Contract[releasenotes.Config, releasenotes.Result](t)
}

func TestReleasesTheTagOfTheRun(t *testing.T) {
	t.Parallel()
	const commit = "860c1904a1ce19322e91ac35af1ab07466440c37"
	gh, err := github.New(github.Options{Repository: "octocat/hello", Commit: commit, Tokens: []github.Token{{Value: secret.New("ghs_planted"), Write: true}}, Judge: githubtest.Judge(t)})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(gh.API())
	defer api.Close()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/repos/octocat/hello/git/refs", strings.NewReader(`{"ref":"refs/tags/v1.2.3","sha":"`+commit+`"}`))
	req.Header.Set("Authorization", "Bearer ghs_planted")
	req.Header.Set("User-Agent", "git")
	gh.API().ServeHTTP(httptest.NewRecorder(), req)

	output, summary := filepath.Join(t.TempDir(), "output"), filepath.Join(t.TempDir(), "summary")
	env := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_API_URL": api.URL, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "octocat/hello",
		"GITHUB_REF": "refs/tags/v1.2.3", "GITHUB_SHA": commit, "GITHUB_OUTPUT": output, "GITHUB_STEP_SUMMARY": summary,
		"INPUT_GITHUB-TOKEN": "ghs_planted", "INPUT_BODY": "Text.",
	}
	var out bytes.Buffer
	code := action.Run(t.Context(), "release-notes", contract, action.Process{Getenv: func(name string) string { return env[name] }, Stdout: &out, Stderr: &out}, run)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, out.String())
	}
	for file, want := range map[string]string{output: "https://github.com/octocat/hello/releases/tag/v1.2.3", summary: "[v1.2.3](https://github.com/octocat/hello/releases/tag/v1.2.3), published"} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q: %s, %v", filepath.Base(file), want, text, err)
		}
	}
	if log := strings.Replace(out.String(), "::add-mask::ghs_planted", "", 1); strings.Contains(log, "ghs_planted") {
		t.Errorf("the token is in the log:\n%s", log)
	}
}
