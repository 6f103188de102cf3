package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/devstack/standin/dockerhub"
	"github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/dockerhubreadme"
)

func TestContract(t *testing.T) {
	actiontest.Contract[dockerhubreadme.Config, dockerhubreadme.Result](t)
}

func TestSetsTheDescription(t *testing.T) {
	t.Parallel()
	hub := dockerhub.New(dockerhub.Options{
		Accounts: registry.Accounts{{User: "octo", Token: secret.New("dckr_pat_planted"), Access: registry.Admin}},
		Store:    registry.NewStore(), Repositories: []string{"octo/app"},
	})
	server := httptest.NewServer(hub.API())
	defer server.Close()
	workspace := t.TempDir()
	if err := os.WriteFile(filepath.Join(workspace, "README.md"), []byte("[docs](docs)"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "octocat/hello", "GITHUB_REF_NAME": "v1",
		"GITHUB_WORKSPACE": workspace, "INPUT_API-URL": server.URL, "INPUT_USERNAME": "octo", "INPUT_PASSWORD": "dckr_pat_planted",
		"INPUT_IMAGES": "docker.io/octo/app@sha256:" + strings.Repeat("a", 64), "INPUT_ENABLE-URL-COMPLETION": "true",
	}
	var out bytes.Buffer
	code := action.Run(t.Context(), "dockerhub-readme", contract, action.Process{Getenv: func(name string) string { return env[name] }, Stdout: &out, Stderr: &out}, run)
	if code != 0 || !strings.Contains(out.String(), "description updated") {
		t.Errorf("exit %d: %s", code, out.String())
	}
	if log := strings.Replace(out.String(), "::add-mask::dckr_pat_planted", "", 1); strings.Contains(log, "planted") {
		t.Errorf("the password is in the log:\n%s", log)
	}
	answer := httptest.NewRecorder()
	hub.API().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/v2/repositories/octo/app", nil))
	if !strings.Contains(answer.Body.String(), "https://github.com/octocat/hello/blob/v1/docs") {
		t.Errorf("page is %s", answer.Body)
	}
}
