package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
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

// complete returns an event's file that tells all about the repository.
func complete(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "event.json")
	payload := `{"repository": {"name": "app", "description": "d", "html_url": "u", "default_branch": "main", "license": null}}`
	if err := os.WriteFile(path, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
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
		"nowhere to put a file":  {map[string]string{"GITHUB_EVENT_PATH": complete(t), "RUNNER_TEMP": event}, "write the bake files"},
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
	code, printed, outputs, _, _ := onRunner(t, map[string]string{"INPUT_SEP-TAGS": " ", "GITHUB_EVENT_PATH": complete(t)})
	if code != 0 || !strings.Contains(outputs, "\nghcr.io/org/app:v1.2.3 ghcr.io/org/app:latest\n") {
		t.Errorf("exit %d: %s\n%s", code, printed, outputs)
	}
}

func TestAPreviewOnALaptop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir)}
	preview := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		code := action.Run(t.Context(), "metadata", contract, action.Process{
			Args: args, Getenv: func(name string) string { return map[string]string{"GITHUB_WORKSPACE": dir}[name] },
			Environ: func() []string { return environ }, Stdout: &stdout, Stderr: &stderr,
		}, run)
		if code != 0 || stderr.Len() > 0 {
			t.Errorf("%q: exit %d: %s", args, code, &stderr)
		}
		return stdout.String()
	}
	// Without a repository around.
	args := []string{"-explain", "-ref", "refs/tags/v1.2.3", "-images", "ghcr.io/acme/app", "-tags", "type=semver,pattern={{major}}", "-tags", "type=sha"}
	out := preview(args...)
	for _, want := range []string{"RULE", "the event has no commit", "version: 1\n", "\nghcr.io/acme/app:1\nghcr.io/acme/app:latest\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nwant %q in it", out, want)
		}
	}
	// In a repository, whose commit and branch stand in for what isn't given.
	for _, command := range []string{"init -q -b dev", "-c user.name=a -c user.email=a@example.com commit -q --allow-empty -m x"} {
		cmd := exec.CommandContext(t.Context(), "git", strings.Fields(command)...)
		cmd.Dir, cmd.Env = dir, environ
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", command, err, text)
		}
	}
	if out := preview(args...); !strings.Contains(out, "ghcr.io/acme/app:sha-") {
		t.Errorf("no commit: %s", out)
	}
	if out := preview("-images", "ghcr.io/acme/app"); out != "version: dev\nghcr.io/acme/app:dev\n" {
		t.Errorf("%s", out)
	}
	if out := preview("-event", "schedule", "-images", "ghcr.io/acme/app"); out != "version: nightly\nghcr.io/acme/app:nightly\nghcr.io/acme/app:dev\n" {
		t.Errorf("%s", out)
	}
}

// TestLatestHighestAsksTheRegistry does so with the login that the inputs give.
func TestLatestHighestAsksTheRegistry(t *testing.T) {
	t.Parallel()
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, password, _ := req.BasicAuth(); user != "ann" || password != "pass-word" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(req.URL.Path, "/tags/list") {
			_, _ = w.Write([]byte(`{"name": "org/app", "tags": ["2.0.1", "latest"]}`))
		}
	}))
	t.Cleanup(registry.Close)
	host := strings.TrimPrefix(registry.URL, "http://")
	variables := map[string]string{
		"GITHUB_EVENT_PATH": complete(t), "INPUT_IMAGES": host + "/org/app", "INPUT_TAGS": "type=semver,pattern={{version}}", "INPUT_FLAVOR": "latest=highest",
		"INPUT_REGISTRY-AUTH": "- {registry: '" + host + "', username: ann, password: pass-word}",
	}
	code, printed, outputs, _, _ := onRunner(t, variables)
	if code != 0 || !strings.Contains(outputs, ":1.2.3\n") || strings.Contains(outputs, "latest") || !strings.Contains(printed, "2.0.1 is higher than 1.2.3") {
		t.Errorf("exit %d: %s\n%s", code, printed, outputs)
	}
	delete(variables, "INPUT_REGISTRY-AUTH")
	code, printed, _, _, _ = onRunner(t, variables)
	if code != 1 || !strings.Contains(printed, "list the tags of") || !strings.Contains(printed, "registry-auth") {
		t.Errorf("without a login: exit %d: %s", code, printed)
	}
}
