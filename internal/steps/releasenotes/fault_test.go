package releasenotes_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/hint"
)

// state describes the releases of the tag, apart from ids and times.
func (w *world) state() string {
	var lines []string
	for _, r := range w.releases() {
		var assets []string
		for _, a := range r.Assets {
			assets = append(assets, fmt.Sprintf("%s %s %s %d", a.Name, a.State, a.Digest, a.Size))
		}
		slices.Sort(assets)
		lines = append(lines, fmt.Sprintf("%s draft=%v %q %q\n%s", r.Name, r.Draft, r.Body, r.Tag, strings.Join(assets, "\n")))
	}
	return strings.Join(lines, "\n")
}

// TestEveryRequestMayFail disturbs each request of a run in turn, in several
// ways. Then no published release lacks a file, an error is clear, and the
// next run ends in the same state as an undisturbed one.
func TestEveryRequestMayFail(t *testing.T) {
	t.Parallel()
	undisturbed := newWorld(t, github.Options{})
	undisturbed.mustRun(undisturbed.config())
	requests := undisturbed.requests
	want := undisturbed.state()
	if len(requests) < 8 {
		t.Fatalf("an undisturbed run makes %d requests only", len(requests))
	}
	faults := []fault.Rule{
		{Status: http.StatusUnauthorized}, {Status: http.StatusForbidden}, {Status: http.StatusNotFound}, {Status: http.StatusConflict},
		{Status: http.StatusUnprocessableEntity}, {Status: http.StatusTooManyRequests},
		{Status: http.StatusInternalServerError}, {Status: http.StatusBadGateway},
		{Status: http.StatusBadGateway, Late: true}, {Reset: true}, {Reset: true, Late: true}, {Truncate: true},
		github.SecondaryRateLimit(1),
	}
	for skip := range requests {
		for _, rule := range faults {
			rule.Host, rule.Skip, rule.Count = "", skip, 1
			name := fmt.Sprintf("request %d, status %d, reset %v, truncate %v, late %v", skip, rule.Status, rule.Reset, rule.Truncate, rule.Late)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, github.Options{})
				cfg := w.config()
				if err := w.faults.Add(rule); err != nil {
					t.Fatal(err)
				}
				_, err := w.run(cfg)
				w.faults.Clear()
				for _, r := range w.releases() {
					if !r.Draft && len(r.Assets) != len(cfg.Files) {
						t.Errorf("a published release has %d assets", len(r.Assets))
					}
				}
				if err == nil && w.state() != want {
					t.Errorf("a run that succeeded left:\n%s\nwant:\n%s", w.state(), want)
				}
				if err != nil && strings.Contains(err.Error(), "\n") {
					t.Errorf("error has several lines: %v", err)
				}
				if known := rule.Status == http.StatusUnauthorized || rule.Status == http.StatusForbidden || rule.Status == http.StatusTooManyRequests; err != nil && known && len(hint.Of(err)) == 0 {
					t.Errorf("error %v has no hint", err)
				}
				w.mustRun(cfg)
				if got := w.state(); got != want {
					t.Errorf("after the next run:\n%s\nwant:\n%s", got, want)
				}
			})
		}
	}
}

func TestASteadyFaultEndsTheRun(t *testing.T) {
	t.Parallel()
	for _, rule := range []fault.Rule{{Status: http.StatusBadGateway}, {Reset: true}, {Truncate: true}, {Status: http.StatusNotFound}} {
		for _, host := range []string{"api.github.com", "uploads.github.com"} {
			if rule.Truncate && host == "uploads.github.com" {
				continue // the files arrive, and are found in the list
			}
			w := newWorld(t, github.Options{})
			rule.Host = host
			if err := w.faults.Add(rule); err != nil {
				t.Fatal(err)
			}
			if _, err := w.run(w.config()); err == nil {
				t.Errorf("%s: %+v is survived", host, rule)
			}
			for _, r := range w.releases() {
				if !r.Draft {
					t.Errorf("%s: %+v: a release is published", host, rule)
				}
			}
		}
	}
}
