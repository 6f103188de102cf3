package dockerhubreadme_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	hubstandin "github.com/org/release-actions/internal/devstack/standin/dockerhub"
	"github.com/org/release-actions/internal/devstack/standin/fault"
	harborstandin "github.com/org/release-actions/internal/devstack/standin/harbor"
	quaystandin "github.com/org/release-actions/internal/devstack/standin/quay"
	"github.com/org/release-actions/internal/devstack/standin/registry"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/dockerhubreadme"
	"github.com/org/release-actions/internal/transport"
	"github.com/org/release-actions/internal/webapi"
)

// scene is a registry with repositories, and a run that sets their pages.
type scene struct {
	cfg dockerhubreadme.Config
	// least is the least number of calls that does it; again that of a run that
	// finds it done.
	least, again int
	// open returns a new registry, and what its pages show.
	open func() (api http.Handler, shown func() string)
}

func scenes(t *testing.T) map[string]scene {
	t.Helper()
	hub := func(names ...string) func() (http.Handler, func() string) {
		return func() (http.Handler, func() string) {
			api := newHub(names...).API()
			return api, func() string {
				var all []string
				for _, name := range names {
					answer := httptest.NewRecorder()
					api.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/v2/repositories/"+name, nil))
					_, text, _ := strings.Cut(answer.Body.String(), `"description"`)
					description, _, _ := strings.Cut(text, `"has_starred"`)
					_, categories, _ := strings.Cut(answer.Body.String(), `"categories"`)
					categories, _, _ = strings.Cut(categories, "]")
					all = append(all, description+categories)
				}
				return strings.Join(all, "\n")
			}
		}
	}
	return map[string]scene{
		"Docker Hub": {
			cfg: dockerhubreadme.Config{
				Username: "octo", Password: secret.New(admin), Repositories: repositories(t, "octo/app", "octo/tool"),
				ShortDescription: "An app", Categories: []dockerhubreadme.Category{"security", "developer-tools"},
			},
			least: 7, again: 3, open: hub("octo/app", "octo/tool"),
		},
		"organisation": {
			cfg: dockerhubreadme.Config{
				Username: "cats", Password: secret.New(org), Repositories: repositories(t, "cats/app", "cats/tool"), ShortDescription: "An app",
			},
			least: 6, again: 4, open: hub("cats/app", "cats/tool"), // one more, which finds out that it is an organisation's token
		},
		"Quay": {
			cfg: dockerhubreadme.Config{
				Provider: dockerhubreadme.Quay, Password: secret.New("plantedQuay"), Repositories: repositories(t, "octo/app", "quay.io/octo/tool"),
			},
			least: 4, again: 2,
			open: func() (http.Handler, func() string) {
				s := quaystandin.New([]quaystandin.Token{{Value: secret.New("plantedQuay"), Namespaces: []string{"octo"}, Write: true}}, "octo/app", "octo/tool")
				return s.API(), func() string { return s.Description("octo/app") + s.Description("octo/tool") }
			},
		},
		"Harbor": {
			cfg: dockerhubreadme.Config{
				Provider: dockerhubreadme.Harbor, Username: "robot$octo+ci", Password: secret.New("plantedRobot"), Repositories: repositories(t, "harbor.example.com/octo/deep/app"),
			},
			least: 2, again: 1,
			open: func() (http.Handler, func() string) {
				s := harborstandin.New([]harborstandin.Account{{Name: "robot$octo+ci", Password: secret.New("plantedRobot"), Projects: []string{"octo"}, Update: true}}, "octo/deep/app")
				return s.API(), func() string { return s.Description("octo/deep/app") }
			},
		},
	}
}

func newHub(names ...string) *hubstandin.Server {
	return hubstandin.New(hubstandin.Options{
		Accounts: registry.Accounts{
			{User: "octo", Token: secret.New(admin), Access: registry.Admin},
			{User: "octo", Token: secret.New(pusher), Access: registry.ReadWrite},
			{User: "cats", Token: secret.New(org), Access: registry.Admin, Organization: true},
			{User: "cats", Token: secret.New(orgPull), Access: registry.ReadOnly, Organization: true},
		},
		Store: registry.NewStore(), Repositories: names,
	})
}

// play is one scene under way.
type play struct {
	scene
	workspace, url string
	faults         *fault.Controller
	shown          func() string
	close          func()
}

func (s scene) play(workspace string) *play {
	api, shown := s.open()
	p := &play{scene: s, workspace: workspace, faults: &fault.Controller{}, shown: shown}
	server := httptest.NewServer(p.faults.Wrap("", api))
	p.url, p.close = server.URL, server.Close
	return p
}

// run runs the step and returns the number of calls.
func (p *play) run(ctx context.Context, retryFor time.Duration) (int, error) {
	p.faults.ClearRequests()
	cfg := p.cfg
	cfg.APIURL, cfg.Readme = p.url, "README.md"
	if err := cfg.Validate(); err != nil {
		return 0, err
	}
	pages, err := dockerhubreadme.Open(cfg, transport.New(transport.Options{RetryFor: retryFor}))
	if err != nil {
		return 0, err
	}
	var log bytes.Buffer
	_, err = dockerhubreadme.Run(ctx, cfg, dockerhubreadme.Deps{
		Pages: pages, Log: slog.New(slog.NewTextHandler(&log, nil)), Job: job.Job{Workspace: p.workspace},
	})
	if strings.Contains(log.String()+fmt.Sprint(err, hint.Of(err)), "planted") {
		err = errors.Join(err, errors.New("a secret is shown"))
	}
	return len(p.faults.Requests()), err
}

// TestEveryFaultAtEveryCallPassesOrIsClear lets each call fail in each way: the
// run succeeds, or ends with one clear error; a run after it ends as one that
// nothing disturbed.
func TestEveryFaultAtEveryCallPassesOrIsClear(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	if err := os.WriteFile(filepath.Join(workspace, "README.md"), []byte("# App\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	faults := map[string]fault.Rule{
		"reset": {Reset: true}, "reset, done": {Reset: true, Late: true}, "truncated": {Truncate: true},
		"500, done":           {Status: 500, Late: true},
		"429 and Retry-After": {Status: 429, Header: map[string]string{"Retry-After": "1"}},
		"403 and Retry-After": {Status: 403, Header: map[string]string{"Retry-After": "1"}},
		"firewall":            {Status: 403, Body: "<!doctype html>"},
	}
	for _, status := range []int{401, 403, 404, 409, 422, 429, 500, 502, 503} {
		faults[fmt.Sprint(status)] = fault.Rule{Status: status}
	}
	// What must not fail a run: it passes by itself.
	passing := []string{"reset", "reset, done", "truncated", "500", "500, done", "502", "503", "429", "429 and Retry-After", "403 and Retry-After"}

	var group errgroup.Group
	group.SetLimit(64) // most of the time they wait
	for name, s := range scenes(t) {
		want := undisturbed(t, name, s, workspace)
		for call := range s.least {
			for kind, rule := range faults {
				for _, count := range []int{1, 0} {
					rule := rule
					rule.Skip, rule.Count = call, count
					group.Go(func() error {
						what := fmt.Sprintf("%s: call %d: %s (%d times)", name, call, kind, count)
						disturb(t, what, s.play(workspace), rule, want, count == 1 && slices.Contains(passing, kind))
						return nil
					})
				}
			}
		}
	}
	_ = group.Wait() // disturb reports by itself
}

// undisturbed runs a scene twice, counts its calls and returns the state.
func undisturbed(t *testing.T, name string, s scene, workspace string) string {
	t.Helper()
	p := s.play(workspace)
	defer p.close()
	before := p.shown()
	if calls, err := p.run(t.Context(), 0); err != nil || calls != s.least {
		t.Errorf("%s: %d calls, want %d; %v: %+v", name, calls, s.least, err, p.faults.Requests())
	}
	want := p.shown()
	if calls, err := p.run(t.Context(), 0); err != nil || calls != s.again || p.shown() != want || before == want {
		t.Errorf("%s: again: %d calls, want %d; %v; shown before %s, then %s, now %s", name, calls, s.again, err, before, want, p.shown())
	}
	return want
}

func disturb(t *testing.T, what string, p *play, rule fault.Rule, want string, passes bool) {
	t.Helper()
	defer p.close()
	if err := p.faults.Add(rule); err != nil {
		t.Error(err)
		return
	}
	retryFor := time.Minute
	if rule.Count == 0 {
		retryFor = 200 * time.Millisecond
	}
	_, err := p.run(t.Context(), retryFor)
	switch {
	case err == nil && p.shown() != want:
		t.Errorf("%s: success, but shown is %s", what, p.shown())
	case err != nil && passes:
		t.Errorf("%s: %v", what, err)
	case err != nil:
		// One line for each repository at most, or one for the login.
		said := strings.Split(err.Error(), "\n")
		if len(said) > len(p.cfg.Repositories) || (rule.Count == 1 && len(said) > 1) {
			t.Errorf("%s: %d errors: %v", what, len(said), err)
		}
		for _, line := range said {
			if !strings.Contains(line, "octo") && !strings.Contains(line, "cats") {
				t.Errorf("%s: unclear: %v", what, err)
			}
		}
		if len(hint.Of(err)) == 0 && !errors.Is(err, webapi.ErrRefused) {
			t.Errorf("%s: no mend: %v", what, err)
		}
	}
	p.faults.Clear()
	if _, err := p.run(t.Context(), 0); err != nil || p.shown() != want {
		t.Errorf("%s: the run after it: %v; shown is %s, want %s", what, err, p.shown(), want)
	}
}
