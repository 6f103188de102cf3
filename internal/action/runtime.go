package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/transport"
)

// Runtime is what a step's wiring may ask of the place that it runs in.
type Runtime struct {
	Log *slog.Logger
	// Stdout takes text for people. On a runner, lines that would be read as
	// workflow commands are defused.
	Stdout io.Writer

	name     string
	input    func(name string) string // an input's text
	getenv   func(string) string
	environ  func() []string
	commands *githubactions.Action // nil outside of Actions
	printMu  *sync.Mutex
	stderr   io.Writer
	masked   []string // pairs for a strings.Replacer

	transportsMu sync.Mutex
	transports   map[time.Duration]http.RoundTripper // by their patience
}

// InActions reports whether the step runs on a runner.
func (rt *Runtime) InActions() bool { return rt.commands != nil }

// Getenv returns a variable of the environment, or "".
func (rt *Runtime) Getenv(name string) string { return rt.getenv(name) }

// Environ returns the environment for a program that the step starts: without
// inputs, which hold secrets, without a signing key and its password, and without
// the rights to ask for OIDC tokens and to use the cache.
func (rt *Runtime) Environ() []string {
	withheld := append([]string{"COSIGN_PASSWORD"}, cacheVariables...)
	if name, ok := strings.CutPrefix(rt.input("key"), "env://"); ok {
		withheld = append(withheld, name)
	}
	return slices.DeleteFunc(rt.environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "INPUT_") || strings.HasPrefix(name, "ACTIONS_ID_TOKEN_REQUEST_") || slices.Contains(withheld, name)
	})
}

// cacheVariables are what a client of GitHub's cache reads. A runner gives them
// to JavaScript actions only.
//
// https://docs.docker.com/build/cache/backends/gha/#authentication
var cacheVariables = []string{"ACTIONS_RUNTIME_TOKEN", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_URL", "ACTIONS_CACHE_SERVICE_V2"}

// CacheAccess returns those variables that give the right to use GitHub's
// cache, as far as they are set, and masks them.
func (rt *Runtime) CacheAccess() []string {
	var access []string
	for _, name := range cacheVariables {
		value := rt.getenv(name)
		if value == "" { // of an output that isn't there; clients take it for an address
			continue
		}
		if name != "ACTIONS_CACHE_SERVICE_V2" { // "True" is in many a text
			rt.mask(value)
		}
		access = append(access, name+"="+value)
	}
	return access
}

// Job returns what the step runs for.
func (rt *Runtime) Job() (job.Job, error) {
	gh, err := githubactions.New(githubactions.WithGetenv(rt.getenv)).Context()
	if err != nil {
		return job.Job{}, fmt.Errorf("read the runner's context: %w", err)
	}
	return job.Job{
		ServerURL: gh.ServerURL, APIURL: gh.APIURL, Repository: gh.Repository, EventName: gh.EventName, Event: gh.Event,
		Ref: gh.Ref, RefName: gh.RefName, Commit: gh.SHA, Actor: gh.Actor,
		Workflow: gh.Workflow, Name: gh.Job, RunID: gh.RunID, RunAttempt: gh.RunAttempt, Workspace: gh.Workspace,
	}, nil
}

// TempDir returns the runner's directory for what only this job needs.
func (rt *Runtime) TempDir() string {
	if dir := rt.getenv("RUNNER_TEMP"); dir != "" {
		return dir
	}
	return os.TempDir()
}

// CacheDir returns the directory for what other jobs and runs can use again, or
// "" where there is none. launch.sh keeps programs there.
func (rt *Runtime) CacheDir() string {
	for _, v := range [][]string{{"RUNNER_TOOL_CACHE"}, {"XDG_CACHE_HOME"}, {"HOME", ".cache"}} {
		if dir := rt.getenv(v[0]); dir != "" {
			return filepath.Join(append(append([]string{dir}, v[1:]...), "release-actions")...)
		}
	}
	return ""
}

// Secret returns a variable of the environment that holds a secret, and masks it.
func (rt *Runtime) Secret(name string) secret.String {
	value := rt.getenv(name)
	rt.mask(value)
	return secret.New(value)
}

// Visibility returns what the event says of the repository: "public",
// "private" or "internal"; "" where it says nothing, as that of a schedule.
//
// https://docs.github.com/webhooks/webhook-events-and-payloads#push
func (rt *Runtime) Visibility() string {
	j, err := rt.Job()
	if err != nil {
		return ""
	}
	repository, _ := j.Event["repository"].(map[string]any)
	if visibility, ok := repository["visibility"].(string); ok {
		return visibility
	}
	switch repository["private"] { // of older Enterprise Servers
	case true:
		return "private"
	case false:
		return "public"
	}
	return ""
}

// DockerConfigDir returns the directory of docker's own configuration, which
// holds earlier logins.
func (rt *Runtime) DockerConfigDir() string {
	if dir := rt.getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(rt.getenv("HOME"), ".docker")
}

// Transport returns the round tripper of the step whose retries take retryFor in
// all: it is the same one, whoever asks for it.
func (rt *Runtime) Transport(retryFor time.Duration) http.RoundTripper {
	rt.transportsMu.Lock()
	defer rt.transportsMu.Unlock()
	if rt.transports == nil {
		rt.transports = map[time.Duration]http.RoundTripper{}
	}
	t, ok := rt.transports[retryFor]
	if !ok {
		t = transport.New(transport.Options{RetryFor: retryFor, Log: rt.Log, UserAgent: rt.UserAgent()})
		rt.transports[retryFor] = t
	}
	return t
}

// UserAgent names the step to the servers that it talks to.
func (rt *Runtime) UserAgent() string { return "release-actions/" + rt.name }

// IDToken returns a token of the runner's OIDC issuer for audience.
//
// https://docs.github.com/actions/reference/security/oidc
func (rt *Runtime) IDToken(ctx context.Context, audience string) (secret.String, error) {
	endpoint, bearer := rt.getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), rt.getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if endpoint == "" || bearer == "" {
		err := errors.New("the job has no permission to ask for an OIDC token")
		if !rt.InActions() {
			return secret.String{}, hint.Wrap(err, "keyless signing needs a GitHub Actions job with \"id-token: write\"")
		}
		return secret.String{}, hint.Wrap(err, "grant \"id-token: write\" under \"permissions:\" of the job; "+
			"runs for pull requests from forks and Dependabot never have it, whatever the workflow says")
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return secret.String{}, errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is not a URL")
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return secret.String{}, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	client := &http.Client{Transport: rt.Transport(0)}
	resp, err := client.Do(req)
	if err != nil {
		return secret.String{}, fmt.Errorf("ask for an OIDC token: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // all of it is read below
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return secret.String{}, fmt.Errorf("ask for an OIDC token: %w", err)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Value == "" {
		return secret.String{}, fmt.Errorf("ask for an OIDC token: %s answered %s without a token", u.Host, resp.Status)
	}
	rt.mask(answer.Value)
	return secret.New(answer.Value), nil
}
