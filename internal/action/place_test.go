package action_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/action"
)

// in runs use in a step with the environment env.
func in(t *testing.T, env map[string]string, use func(rt *action.Runtime)) (log string) {
	t.Helper()
	w := newWorld(t, env["GITHUB_ACTIONS"] == "true")
	code := action.Run(t.Context(), "try", []byte(contract), action.Process{
		Args: []string{"ghcr.io/acme/app"}, Getenv: func(name string) string { return env[name] }, Stdout: &w.stdout, Stderr: &w.stderr,
		Environ: func() (all []string) {
			for name, value := range env {
				all = append(all, name+"="+value)
			}
			return all
		},
	}, func(_ context.Context, rt *action.Runtime, _ config) (result, error) {
		use(rt)
		return result{}, nil
	})
	if code != 0 {
		t.Errorf("exit %d: %s", code, &w.stderr)
	}
	return w.stdout.String()
}

func TestWhatOthersCanUseIsKeptWhereLaunchKeepsPrograms(t *testing.T) {
	t.Parallel()
	for want, env := range map[string]map[string]string{
		"/tools/release-actions":            {"RUNNER_TOOL_CACHE": "/tools", "XDG_CACHE_HOME": "/xdg", "HOME": "/home/octo"},
		"/xdg/release-actions":              {"XDG_CACHE_HOME": "/xdg", "HOME": "/home/octo"},
		"/home/octo/.cache/release-actions": {"HOME": "/home/octo"},
		"":                                  {},
	} {
		in(t, env, func(rt *action.Runtime) {
			if got := rt.CacheDir(); got != filepath.FromSlash(want) {
				t.Errorf("%v: %q, want %q", env, got, want)
			}
		})
	}
}

func TestTheEventTellsTheVisibility(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		`{"repository":{"visibility":"internal","private":true}}`: "internal",
		`{"repository":{"visibility":"public","private":false}}`:  "public",
		`{"repository":{"private":true}}`:                         "private",
		`{"repository":{"private":false}}`:                        "public",
		`{"repository":{}}`:                                       "",
		`{"repository":"acme/app"}`:                               "",
		`{"schedule":"0 0 * * *"}`:                                "",
		`{`:                                                       "",
	} {
		path := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(path, []byte(event), 0o600); err != nil {
			t.Fatal(err)
		}
		in(t, map[string]string{"GITHUB_EVENT_PATH": path}, func(rt *action.Runtime) {
			if got := rt.Visibility(); got != want {
				t.Errorf("%s: %q, want %q", event, got, want)
			}
		})
	}
	in(t, nil, func(rt *action.Runtime) {
		if got := rt.Visibility(); got != "" {
			t.Errorf("without an event: %q", got)
		}
	})
}

func TestASecretOfTheEnvironmentIsMasked(t *testing.T) {
	t.Parallel()
	env := map[string]string{"GITHUB_ACTIONS": "true", "SIGNING_KEY": "first line\nsecond line\n"}
	log := in(t, env, func(rt *action.Runtime) {
		if got := rt.Secret("SIGNING_KEY"); got.Reveal() != env["SIGNING_KEY"] || got.String() != "***" {
			t.Errorf("got %q", got)
		}
		if got := rt.Secret("NONE"); got.Reveal() != "" {
			t.Errorf("got %q", got.Reveal())
		}
	})
	if !strings.Contains(log, "::add-mask::first line\n::add-mask::second line\n") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestProgramsGetNoSigningKey(t *testing.T) {
	t.Parallel()
	env := map[string]string{"GITHUB_ACTIONS": "true", "INPUT_IMAGES": "ghcr.io/acme/app", "INPUT_KEY": "env://SIGNING_KEY", "SIGNING_KEY": "hunter2", "COSIGN_PASSWORD": "hunter2", "PATH": "/bin"}
	in(t, env, func(rt *action.Runtime) {
		if got := rt.Environ(); slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, "hunter2") }) || !slices.Contains(got, "PATH=/bin") {
			t.Errorf("got %q", got)
		}
	})
}

func TestAStepHasOnePatience(t *testing.T) {
	t.Parallel()
	in(t, nil, func(rt *action.Runtime) {
		if rt.Transport(time.Minute) != rt.Transport(time.Minute) {
			t.Error("two transports wait a minute each")
		}
		if rt.Transport(time.Minute) == rt.Transport(time.Hour) {
			t.Error("another patience makes no difference")
		}
	})
}
