package action_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
)

const contract = `
name: Try
description: Tries things.
inputs:
  platforms: {description: Platforms., default: "linux/amd64,linux/arm64"}
  images: {description: Images., required: true}
  token: {description: A token., default: "${{ github.token }}"}
  push: {description: Push., default: "true"}
  draft: {description: Draft.}
  retry-for: {description: Bounds., default: 2m}
  wait_at_most: {description: Another name of retry-for.}
outputs:
  names: {description: Names.}
`

type login struct {
	Token secret.String `input:"token"`
}

type config struct {
	Platforms []image.Platform   `input:"platforms,comma"`
	Images    []image.Repository `input:"images,required,arg"`
	Login     login
	Push      bool          `input:"push"`
	Draft     *bool         `input:"draft"`
	RetryFor  time.Duration `input:"retry-for,alias=wait_at_most"`
}

type result struct {
	Names  []string     `output:"names"`
	Digest image.Digest `output:"digest"`
	text   string
}

func (r *result) Summary() string { return r.text }

type world struct {
	env            map[string]string
	stdout, stderr bytes.Buffer
	dir            string
}

func newWorld(t *testing.T, actions bool) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), env: map[string]string{}}
	if actions {
		w.env = map[string]string{
			"GITHUB_ACTIONS":      "true",
			"GITHUB_OUTPUT":       filepath.Join(w.dir, "output"),
			"GITHUB_STEP_SUMMARY": filepath.Join(w.dir, "summary"),
		}
	}
	return w
}

func (w *world) run(t *testing.T, run func(context.Context, *action.Runtime, config) (result, error), args ...string) int {
	t.Helper()
	return action.Run(t.Context(), "try", []byte(contract), action.Process{
		Args: args, Getenv: func(name string) string { return w.env[name] }, Stdout: &w.stdout, Stderr: &w.stderr,
	}, run)
}

func keep(into *config) func(context.Context, *action.Runtime, config) (result, error) {
	return func(_ context.Context, _ *action.Runtime, c config) (result, error) {
		*into = c
		return result{}, nil
	}
}

func TestInputsComeFromVariablesFlagsAndDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.env["INPUT_IMAGES"] = "ghcr.io/acme/app\n\n  acme/app\n"
	w.env["INPUT_TOKEN"] = "hunter2"
	w.env["INPUT_RETRY-FOR"] = "5s"
	var got config
	if code := w.run(t, keep(&got), "-push=false"); code != 0 {
		t.Fatalf("exit %d: %s", code, &w.stdout)
	}
	want := "[linux/amd64 linux/arm64] [ghcr.io/acme/app docker.io/acme/app] hunter2 false 5s\n"
	if text := fmt.Sprintln(got.Platforms, got.Images, got.Login.Token.Reveal(), got.Push, got.RetryFor); text != want {
		t.Errorf("config is %s, want %s", text, want)
	}
	if !strings.Contains(w.stdout.String(), "::add-mask::hunter2\n") {
		t.Errorf("the token isn't masked: %s", &w.stdout)
	}
}

func TestAnAliasCountsBeforeADefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.env["INPUT_IMAGES"], w.env["INPUT_RETRY-FOR"], w.env["INPUT_WAIT_AT_MOST"] = "ghcr.io/a/b", "2m", "7s"
	var got config
	if code := w.run(t, func(_ context.Context, _ *action.Runtime, cfg config) (result, error) {
		got = cfg
		return result{}, nil
	}); code != 0 {
		t.Fatalf("exit %d: %s", code, w.stdout.String())
	}
	if got.RetryFor != 7*time.Second || !strings.Contains(w.stdout.String(), "wait_at_most is taken as what is called retry-for here") {
		t.Errorf("%v, %s", got.RetryFor, w.stdout.String())
	}
}

func TestInputThatIsNotGivenIsTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "<nil>", " true\n": "true", "FALSE": "false"} {
		w := newWorld(t, true)
		w.env["INPUT_IMAGES"], w.env["INPUT_DRAFT"] = "acme/app", text
		var got config
		if code := w.run(t, keep(&got)); code != 0 {
			t.Fatalf("exit %d: %s", code, &w.stdout)
		}
		draft := "<nil>"
		if got.Draft != nil {
			draft = fmt.Sprint(*got.Draft)
		}
		if draft != want {
			t.Errorf("%q is read as %s, want %s", text, draft, want)
		}
	}
}

func TestAllBadInputsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.env["INPUT_PLATFORMS"] = "linux,linux/amd64"
	w.env["INPUT_PUSH"] = "yes"
	w.env["INPUT_RETRY-FOR"] = "soon"
	var got config
	if code := w.run(t, keep(&got)); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	for _, want := range []string{
		"::error title=try::", `input "platforms": platform "linux" is not os/arch`, `input "images" is missing`,
		`input "push": "yes" is not a boolean`, `input "retry-for": "soon" is not a duration`,
		`hint: add "images: …" under "with:"`, "hint: write true or false",
	} {
		if !strings.Contains(w.stdout.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, &w.stdout)
		}
	}
	if strings.Count(w.stdout.String(), "\n") != 1 {
		t.Errorf("an annotation is one line:\n%s", &w.stdout)
	}
}

func TestTheMendFitsThePlace(t *testing.T) {
	t.Parallel()
	for actions, want := range map[bool]string{true: `hint: add "images: …" under "with:"`, false: "hint: add -images …; try -help says what it is"} {
		w := newWorld(t, actions)
		var got config
		w.run(t, keep(&got))
		if text := w.stdout.String() + w.stderr.String(); !strings.Contains(text, want) {
			t.Errorf("on a runner %v: %q lacks %q", actions, text, want)
		}
	}
}

func TestOutputsAreWrittenAlsoOnFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.env["INPUT_IMAGES"] = "acme/app"
	forged := "a\nend\nother<<x\nevil\nx"
	code := w.run(t, func(context.Context, *action.Runtime, config) (result, error) {
		return result{Names: []string{forged, "b"}, text: "# done"}, hint.Wrap(errors.New("push \"x\": denied"), "grant it")
	})
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	output, err := os.ReadFile(w.env["GITHUB_OUTPUT"])
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)^names<<(end-\w{26})\n(.*)\n(end-\w{26})\ndigest<<`).FindStringSubmatch(string(output))
	if m == nil || m[1] != m[3] || m[2] != forged+"\nb" {
		t.Errorf("outputs are:\n%s", output)
	}
	summary, err := os.ReadFile(w.env["GITHUB_STEP_SUMMARY"])
	if err != nil || string(summary) != "# done\n" {
		t.Errorf("summary is %q, %v", summary, err)
	}
	if want := "::error title=try::push \"x\": denied%0Ahint: grant it\n"; w.stdout.String() != want {
		t.Errorf("log is %q, want %q", &w.stdout, want)
	}
}

func TestUntrustedTextIsNoCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.env["INPUT_IMAGES"] = "acme/app"
	w.run(t, func(_ context.Context, rt *action.Runtime, _ config) (result, error) {
		rt.Log.Info("::set-output name=x::y")
		rt.Log.Warn("careful", "what", "50%\n::stop-commands::x")
		_, err := io.WriteString(rt.Stdout, "first\n  ::error::forged\na\r::error::forged\n\u00a0::error::forged\nb ##[error]forged\n##[group]x")
		return result{}, err
	})
	for _, line := range strings.FieldsFunc(w.stdout.String(), func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") && !strings.HasPrefix(line, "::warning::careful") || strings.Contains(line, "##[") {
			t.Errorf("a command got out: %q", line)
		}
	}
	if !strings.Contains(w.stdout.String(), "first\n") || strings.Count(w.stdout.String(), "forged") != 4 {
		t.Errorf("text is lost: %q", &w.stdout)
	}
}

func TestConsoleHasGroupsOnARunnerOnly(t *testing.T) {
	t.Parallel()
	for actions, want := range map[bool]string{
		true:  "::group::RUN make%0A::error::x\nbuilt\n\u200b::endgroup::\n::endgroup::\n",
		false: "RUN make\n::error::x\nbuilt\n::endgroup::\n",
	} {
		w := newWorld(t, actions)
		code := w.run(t, func(_ context.Context, rt *action.Runtime, _ config) (result, error) {
			console := rt.Console()
			console.Group("RUN make\n::error::x")
			_, err := io.WriteString(console, "built\n::endgroup::\n")
			console.EndGroup()
			return result{}, err
		}, "-images", "acme/app")
		if got := strings.TrimSuffix(w.stdout.String(), "names: \n"); code != 0 || got != want {
			t.Errorf("on a runner %v: exit %d, %q, want %q", actions, code, got, want)
		}
	}
}

func TestPlainTextOutsideOfActions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	token := filepath.Join(w.dir, "token")
	if err := os.WriteFile(token, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code := w.run(t, func(_ context.Context, rt *action.Runtime, c config) (result, error) {
		if c.Login.Token.Reveal() != "hunter2" {
			t.Errorf("token is %q", c.Login.Token.Reveal())
		}
		rt.Log.Warn("careful")
		return result{Names: []string{"a", "b"}}, errors.New("no")
	}, "-token", token, "-push", "ghcr.io/acme/app", "acme/app")
	if code != 1 || strings.Contains(w.stdout.String()+w.stderr.String(), "::") || strings.Contains(w.stdout.String(), "hunter2") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, &w.stdout, &w.stderr)
	}
	if w.stdout.String() != "names: a\n  b\n" || w.stderr.String() != "warning: careful\ntry: no\n" {
		t.Errorf("stdout %q, stderr %q", &w.stdout, &w.stderr)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	var got config
	if code := w.run(t, keep(&got), "-help"); code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"Tries things.", "-platforms\n", "default: linux/amd64,linux/arm64", "-token FILE", "[IMAGES ...]"} {
		if !strings.Contains(w.stdout.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, &w.stdout)
		}
	}
}

func TestIDTokenNeedsThePermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.env["INPUT_IMAGES"] = "acme/app"
	code := w.run(t, func(ctx context.Context, rt *action.Runtime, _ config) (result, error) {
		_, err := rt.IDToken(ctx, "sigstore")
		return result{}, err
	})
	if code != 1 || !strings.Contains(w.stdout.String(), `grant "id-token: write" under "permissions:"`) {
		t.Errorf("exit %d: %s", code, &w.stdout)
	}
}

func TestCancelledRunSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	code := action.Run(ctx, "try", []byte(contract), action.Process{
		Args: []string{"acme/app"}, Getenv: func(string) string { return "" }, Stdout: &w.stdout, Stderr: &w.stderr,
	}, func(ctx context.Context, _ *action.Runtime, _ config) (result, error) {
		cancel()
		return result{}, ctx.Err()
	})
	if code != 1 || !strings.Contains(w.stderr.String(), "cancelled") {
		t.Errorf("exit %d: %s", code, &w.stderr)
	}
}

func TestEnvironmentForProgramsHasNoInputsAndNoRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	var got []string
	code := action.Run(t.Context(), "try", []byte(contract), action.Process{
		Args: []string{"ghcr.io/acme/app"}, Getenv: func(string) string { return "" }, Stdout: &w.stdout, Stderr: &w.stderr,
		Environ: func() []string {
			return []string{"PATH=/bin", "INPUT_TOKEN=hunter2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=hunter2", "ACTIONS_ID_TOKEN_REQUEST_URL=x",
				"ACTIONS_RUNTIME_TOKEN=hunter2", "ACTIONS_RESULTS_URL=", "ACTIONS_CACHE_URL=x", "ACTIONS_CACHE_SERVICE_V2=True", "ACTIONS_STEP_DEBUG=true", "COSIGN_PASSWORD=hunter2"}
		},
	}, func(_ context.Context, rt *action.Runtime, _ config) (result, error) {
		got = rt.Environ()
		return result{}, nil
	})
	if want := []string{"PATH=/bin", "ACTIONS_STEP_DEBUG=true"}; code != 0 || !slices.Equal(got, want) {
		t.Errorf("exit %d, environment %q, want %q\n%s", code, got, want, w.stderr.String())
	}
}

func TestCacheAccessIsMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	env := map[string]string{
		"GITHUB_ACTIONS": "true", "ACTIONS_RUNTIME_TOKEN": "hunter2", "ACTIONS_RESULTS_URL": "https://results.example/",
		"ACTIONS_CACHE_URL": "", "ACTIONS_CACHE_SERVICE_V2": "True",
	}
	var got []string
	code := action.Run(t.Context(), "try", []byte(contract), action.Process{
		Args: []string{"ghcr.io/acme/app"}, Getenv: func(name string) string { return env[name] }, Stdout: &w.stdout, Stderr: &w.stderr,
	}, func(_ context.Context, rt *action.Runtime, _ config) (result, error) {
		got = rt.CacheAccess()
		return result{}, nil
	})
	if want := []string{"ACTIONS_RUNTIME_TOKEN=hunter2", "ACTIONS_RESULTS_URL=https://results.example/", "ACTIONS_CACHE_SERVICE_V2=True"}; code != 0 || !slices.Equal(got, want) {
		t.Errorf("exit %d, access %q, want %q", code, got, want)
	}
	if log := w.stdout.String(); !strings.Contains(log, "::add-mask::hunter2\n") || !strings.Contains(log, "::add-mask::https://results.example/\n") || strings.Contains(log, "add-mask::True") {
		t.Errorf("the log is\n%s", log)
	}
}
