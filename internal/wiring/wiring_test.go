package wiring_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/registry"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/wiring"
)

// contract is of a step without inputs.
const contract = "name: try\ninputs: {}\noutputs: {}\n"

// in runs use in a step with the environment env.
func in(t *testing.T, env map[string]string, logins registry.Credentials, use func(w *wiring.Wiring)) {
	t.Helper()
	code := action.Run(t.Context(), "try", []byte(contract), action.Process{
		Getenv: func(name string) string { return env[name] }, Environ: func() []string { return nil }, Stdout: io.Discard, Stderr: io.Discard,
	}, func(_ context.Context, rt *action.Runtime, _ struct{}) (struct{}, error) {
		use(wiring.Of(rt, logins, 0))
		return struct{}{}, nil
	})
	if code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestClientsAreWhatTheInputsAndTheJobGive(t *testing.T) {
	t.Parallel()
	in(t, nil, registry.Credentials{}, func(w *wiring.Wiring) {
		if w.Registry() == nil || w.RegistryToWrite() == nil {
			t.Error("without logins there is no registry")
		}
		if w.GitHub() != nil || w.GitHubPackages() != nil || w.DockerHub() != nil {
			t.Error("there are clients for nobody")
		}
		if w.GitHubOf(ghapi.Repository{Owner: "octocat", Name: "hello"}, secret.String{}) == nil {
			t.Error("a public repository can't be read")
		}
		if err := w.Err(); err != nil {
			t.Error(err)
		}
	})
	logins := registry.Credentials{GitHubToken: secret.New("t"), DockerHubUsername: "octocat", DockerHubToken: secret.New("t")}
	in(t, map[string]string{"GITHUB_REPOSITORY": "octocat/hello"}, logins, func(w *wiring.Wiring) {
		if gh := w.GitHub(); gh == nil || gh.Repository().String() != "octocat/hello" || w.Job().Repository != "octocat/hello" {
			t.Error("there is no client for the job's repository")
		}
		if w.GitHubPackages() == nil || w.DockerHub() == nil || w.Err() != nil {
			t.Errorf("logins are not used, %v", w.Err())
		}
	})
}

func TestAllThatIsWrongIsSaidOnce(t *testing.T) {
	t.Parallel()
	env := map[string]string{"GITHUB_REPOSITORY": "octocat", "GITHUB_API_URL": "ftp://example.com"}
	in(t, env, registry.Credentials{DockerHubUsername: "octocat"}, func(w *wiring.Wiring) {
		if w.Registry() != nil || w.GitHub() != nil || w.GitHubOf(ghapi.Repository{}, secret.String{}) != nil {
			t.Error("there are clients of bad inputs")
		}
		err := w.Err()
		for _, want := range []string{`"octocat"`, `"ftp://example.com"`, `"dockerhub-token"`} {
			if err == nil || strings.Count(err.Error(), want) != 1 {
				t.Errorf("%v: want %s in it once", err, want)
			}
		}
	})
}
