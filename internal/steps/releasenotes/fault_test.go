package releasenotes_test

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

// kinds are the ways in which a call may fail. What passes must not fail a run
// that it hits once.
func kinds() (passing, all map[string]fault.Rule) {
	after := map[string]string{"Retry-After": "30"}
	passing = map[string]fault.Rule{
		"500": {Status: 500}, "502": {Status: 502}, "503": {Status: 503}, "502, done": {Status: 502, Late: true},
		"reset": {Reset: true}, "reset, done": {Reset: true, Late: true}, "request cut": {Cut: true},
		"answer cut, done":  {Truncate: true},
		"answer cut, POST":  {Method: http.MethodPost, Status: 201, Body: `{"id":12,"tag_name":"v1`},
		"answer cut, PATCH": {Method: http.MethodPatch, Status: 200, Body: `{"id":12,"tag_name":"v1`},
		"429":               {Status: 429}, "429 and Retry-After": {Status: 429, Header: after},
		"primary limit":   github.PrimaryRateLimit(bubbleStart.Add(time.Minute)),
		"secondary limit": github.SecondaryRateLimit(30),
	}
	all = maps.Clone(passing)
	for _, status := range []int{401, 403, 404, 409, 422} {
		all[fmt.Sprint(status)] = fault.Rule{Status: status}
	}
	return passing, all
}

// lasting are kinds that go on from some call on.
var lasting = []string{"403", "404", "422", "502", "502, done", "reset", "answer cut, done", "429 and Retry-After", "primary limit"}

// bubbleStart is when time starts in a bubble.
//
// https://pkg.go.dev/testing/synctest#hdr-Time
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// TestEveryFaultAtEveryCallPassesOrIsClear lets each call of each scene fail in
// each way, once and for good: the run succeeds, or ends with one clear error; at no
// moment does a published release lack a file; the run after it ends as one
// that nothing disturbed.
func TestEveryFaultAtEveryCallPassesOrIsClear(t *testing.T) {
	t.Parallel()
	passing, all := kinds()
	for name, s := range scenes() {
		var want outcome
		synctest.Test(t, func(t *testing.T) { want = s.undisturbed(t, name) })
		for kind, rule := range all {
			for call := range want.calls(rule.Method) {
				for _, times := range []int{1, 0} {
					if times == 0 && !slices.Contains(lasting, kind) {
						continue
					}
					rule := rule
					rule.Host, rule.Skip, rule.Count = "", call, times
					_, passes := passing[kind]
					t.Run(fmt.Sprintf("%s: call %d: %s (%d times)", name, call, kind, times), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) { s.disturb(t, rule, want, passes && times == 1) })
					})
				}
			}
		}
	}
}

// outcome is what a run asks for, and what it leaves: its releases, and the names
// of their files.
type outcome struct {
	requests []string
	state    string
	files    []string
}

// calls counts the requests of a method, or all.
func (o outcome) calls(method string) (n int) {
	for _, r := range o.requests {
		if strings.HasPrefix(r, method) {
			n++
		}
	}
	return n
}

// undisturbed runs a scene twice, and counts its calls.
func (s scene) undisturbed(t *testing.T, name string) outcome {
	t.Helper()
	w := newWorld(t, s.options)
	cfg := s.set(w)
	before := w.state()
	watch := w.watch(nil)
	w.mustRun(cfg)
	if calls := len(w.requests); calls != s.least+s.more || s.more > 1 {
		t.Errorf("%s: %d calls, want %d and %d: %q", name, calls, s.least, s.more, w.requests)
	}
	done := outcome{requests: w.requests}
	done.state = w.state()
	for _, r := range w.releases() {
		for _, a := range r.Assets {
			done.files = append(done.files, a.Name)
		}
	}
	if done.state == before {
		t.Errorf("%s: nothing is done", name)
	}
	w.mustRun(cfg)
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("%s: the second run writes %q", name, writes)
	}
	if calls := len(w.requests); calls != s.again {
		t.Errorf("%s: the second run takes %d calls, want %d: %q", name, calls, s.again, w.requests)
	}
	watch.check()
	return done
}

func (s scene) disturb(t *testing.T, rule fault.Rule, want outcome, passes bool) {
	t.Helper()
	w := newWorld(t, s.options)
	cfg := s.set(w)
	watch := w.watch(want.files)
	w.retryFor = 2 * time.Minute
	if err := w.faults.Add(rule); err != nil {
		t.Fatal(err)
	}
	_, err := w.run(cfg)
	w.faults.Clear()
	if rule.Count == 1 {
		watch.check()
	}
	if err == nil && w.state() != want.state {
		t.Errorf("a run that succeeded left:\n%s\nwant:\n%s", w.state(), want.state)
	}
	if err != nil && passes {
		t.Errorf("the fault ends the run: %v", err)
	}
	if err != nil {
		checkClear(t, err, rule)
	}
	w.mustRun(cfg)
	if got := w.state(); got != want.state {
		t.Errorf("after the next run:\n%s\nwant:\n%s", got, want.state)
	}
	watch.check()
}

// checkClear checks that an error is one line with a mend. The server's own words are all
// that there is to say about a conflict; a registry's errors are tested elsewhere.
func checkClear(t *testing.T, err error, rule fault.Rule) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") || strings.HasPrefix(err.Error(), "Get ") {
		t.Errorf("unclear: %v", err)
	}
	own := rule.Status == http.StatusConflict || rule.Status == http.StatusUnprocessableEntity || strings.Contains(err.Error(), "ghcr.io")
	if len(hint.Of(err)) == 0 && !own {
		t.Errorf("no mend: %v", err)
	}
}

// TestRunsAtTheSameTimeEndInOneRelease starts two runs at once, with each call of
// them late in turn, so that either is ahead in all ways.
func TestRunsAtTheSameTimeEndInOneRelease(t *testing.T) {
	t.Parallel()
	for name, s := range scenes() {
		var want outcome
		synctest.Test(t, func(t *testing.T) { want = s.undisturbed(t, name) })
		for call := range 2 * (s.least + s.more) {
			for _, late := range []time.Duration{0, 40 * time.Millisecond, time.Second, 2 * time.Minute} {
				t.Run(fmt.Sprintf("%s: call %d: %s late", name, call, late), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { s.race(t, call, late, want) })
				})
			}
		}
	}
}

func (s scene) race(t *testing.T, call int, late time.Duration, want outcome) {
	t.Helper()
	w := newWorld(t, s.options)
	cfg := s.set(w)
	watch := w.watch(want.files)
	watch.several = true
	usual := 50 * time.Millisecond
	w.slow = time.Second
	if err := w.faults.Add(
		fault.Rule{Skip: call, Count: 1, Delay: fault.Duration(usual + late)},
		fault.Rule{Delay: fault.Duration(usual)},
	); err != nil {
		t.Fatal(err)
	}
	var runs errgroup.Group
	for range 2 {
		d := w.deps()
		d.Log = slog.New(slog.DiscardHandler)
		runs.Go(func() error {
			_, err := releasenotes.Run(t.Context(), cfg, d)
			return err
		})
	}
	if err := runs.Wait(); err != nil {
		t.Errorf("a run ends with: %v", err)
	}
	w.faults.Clear()
	if got := w.state(); got != want.state {
		t.Errorf("together they leave:\n%s\nwant:\n%s", got, want.state)
	}
	watch.check()
}
