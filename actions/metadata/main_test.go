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
	"github.com/org/release-actions/internal/steps/metadata"
)

func TestContract(t *testing.T) { actiontest.Contract[metadata.Config, metadata.Result](t) }

// onRunner runs the program with a runner's environment, and returns what it
// printed and its output, variable and summary files.
func onRunner(t *testing.T, variables map[string]string) (code int, printed, outputs, env, summary string) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/tags/v1.2.3", "GITHUB_SHA": "860c1904a1ce19322e91ac35af1ab07466440c37",
		"GITHUB_REPOSITORY": "org/app", "GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_ENV": filepath.Join(dir, "env"),
		"GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"), "RUNNER_TEMP": dir, "SOURCE_DATE_EPOCH": "1710027917",
		"INPUT_IMAGES": "ghcr.io/org/app", "INPUT_RETRY-FOR": "1ns",
	}
	for name, value := range variables {
		all[name] = value
	}
	var out bytes.Buffer
	code = action.Run(t.Context(), "metadata", contract, action.Process{Getenv: func(name string) string { return all[name] }, Stdout: &out, Stderr: &out}, run)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(text)
	}
	return code, out.String(), read("output"), read("env"), read("summary")
}

func TestAReleaseOnARunner(t *testing.T) {
	t.Parallel()
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked = append(asked, req.Method+" "+req.URL.Path+" "+req.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"name": "app", "description": "An app", "html_url": "https://github.com/org/app", "license": {"spdx_id": "MIT"}}`))
	}))
	t.Cleanup(api.Close)
	code, printed, outputs, env, summary := onRunner(t, map[string]string{"GITHUB_API_URL": api.URL, "INPUT_GITHUB-TOKEN": "t0ken"})
	if code != 0 {
		t.Fatalf("exit %d: %s", code, printed)
	}
	if len(asked) != 1 || asked[0] != "GET /repos/org/app Bearer t0ken" {
		t.Errorf("asked %q", asked)
	}
	for _, want := range []string{
		"\nghcr.io/org/app:v1.2.3\nghcr.io/org/app:latest\n", "org.opencontainers.image.description=An app\n",
		"org.opencontainers.image.created=2024-03-09T23:45:17.000Z\n", "docker-metadata-action-bake.json\n",
	} {
		if !strings.Contains(outputs, want) {
			t.Errorf("outputs %s\nwant %q in it", outputs, want)
		}
	}
	if !strings.Contains(env, "DOCKER_METADATA_OUTPUT_TAGS<<") || strings.Index(env, "ANNOTATIONS<<") > strings.Index(env, "VERSION<<") {
		t.Errorf("variables %s", env)
	}
	if !strings.Contains(summary, "`ghcr.io/org/app:v1.2.3`") {
		t.Errorf("summary %s", summary)
	}
	if strings.Contains(strings.ReplaceAll(printed, "::add-mask::t0ken", "")+outputs+env+summary, "t0ken") {
		t.Error("the token was shown")
	}
}

func TestNothingIsPutOutAfterAnError(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }))
	t.Cleanup(api.Close)
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		variables map[string]string
		says      string
	}{
		"the API answers 404":    {map[string]string{"GITHUB_API_URL": api.URL}, `read repository "org/app"`},
		"a bad rule":             {map[string]string{"INPUT_TAGS": "type=foo"}, `input "tags": line 1`},
		"a bad event file":       {map[string]string{"GITHUB_EVENT_PATH": event}, "read the runner's context"},
		"a bad repository":       {map[string]string{"GITHUB_REPOSITORY": "x"}, `repository "x"`},
		"a bad setting":          {map[string]string{"DOCKER_METADATA_SET_OUTPUT_ENV": "maybe"}, "DOCKER_METADATA_SET_OUTPUT_ENV"},
		"a tag without version":  {map[string]string{"INPUT_STRICT": "true", "INPUT_TAGS": "type=semver,pattern={{version}}", "GITHUB_REF": "refs/tags/release-1"}, "gives no version"},
		"a git tree that is not": {map[string]string{"INPUT_CONTEXT": "git", "GITHUB_WORKSPACE": t.TempDir()}, "git show"},
	} {
		code, printed, outputs, env, summary := onRunner(t, test.variables)
		if code == 0 || !strings.Contains(printed, test.says) || !strings.Contains(printed, "::error") {
			t.Errorf("%s: exit %d: %s; want %q in it", name, code, printed, test.says)
		}
		if summary != "" || strings.Contains("\n"+printed, "\nversion: ") {
			t.Errorf("%s: summary %q, printed %q", name, summary, printed)
		}
		for _, line := range strings.Split(outputs+env, "\n") {
			if line != "" && !strings.Contains(line, "<<end-") && !strings.HasPrefix(line, "end-") {
				t.Errorf("%s: put out %q", name, line)
			}
		}
	}
}

func TestSeparatorsOfWhiteSpaceAreKept(t *testing.T) {
	t.Parallel()
	event := filepath.Join(t.TempDir(), "event.json")
	payload := `{"repository": {"name": "app", "description": "d", "html_url": "u", "default_branch": "main", "license": null}}`
	if err := os.WriteFile(event, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	code, printed, outputs, _, _ := onRunner(t, map[string]string{"INPUT_SEP-TAGS": " ", "GITHUB_EVENT_PATH": event})
	if code != 0 || !strings.Contains(outputs, "\nghcr.io/org/app:v1.2.3 ghcr.io/org/app:latest\n") {
		t.Errorf("exit %d: %s\n%s", code, printed, outputs)
	}
}
