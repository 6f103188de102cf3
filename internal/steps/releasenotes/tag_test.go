package releasenotes_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

func TestWhereThereIsNoTagNothingIsReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	for ref, want := range map[string]string{"refs/heads/main": "", "refs/pull/1/merge": "", "": `input "tag" is missing`} {
		d := w.deps()
		d.Job.Ref = ref
		result, err := releasenotes.Run(t.Context(), w.config(), d)
		if result.URL != "" || result.Summary() != "" || result.Assets != nil || (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: %+v, %v", ref, result, err)
		}
	}
	if len(w.requests) > 0 {
		t.Errorf("requests %v", w.requests)
	}
}

func TestTheTagMustBeThereAndWhereItWas(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("b", 40)
	for _, test := range []struct{ name, tag, commit, want, mend string }{
		{"missing", "v9", commit, `tag "v9": 404`, "push the tag first"},
		{"moved", tag, other, "points to commit " + commit + ", but this run is for " + other, "moved"},
	} {
		w := newWorld(t, github.Options{})
		cfg, d := w.config(), w.deps()
		cfg.Tag, d.Job.Commit = test.tag, test.commit
		_, err := releasenotes.Run(t.Context(), cfg, d)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(strings.Join(hint.Of(err), " "), test.mend) {
			t.Errorf("%s: error %v, hints %q", test.name, err, hint.Of(err))
		}
		if writes := w.writes(); len(writes) > 0 {
			t.Errorf("%s: writes %q", test.name, writes)
		}
	}
}

func TestAnAnnotatedTagIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	var object struct{ SHA string }
	w.api(http.MethodPost, "/git/tags", map[string]any{"tag": "v2.0.0", "message": "m", "object": commit, "type": "commit"}, &object)
	w.api(http.MethodPost, "/git/refs", map[string]string{"ref": "refs/tags/v2.0.0", "sha": object.SHA}, nil)
	for _, sha := range []string{commit, object.SHA} {
		cfg, d := w.config(), w.deps()
		d.Job.Ref, d.Job.Commit = "refs/tags/v2.0.0", sha
		if _, err := releasenotes.Run(t.Context(), cfg, d); err != nil {
			t.Errorf("run for %s: %v", sha, err)
		}
	}
}

// TestATagThatChangesWhileTheRunIsUnderWay changes the tag when the first file is
// uploaded: nothing is published, and the draft stays.
func TestATagThatChangesWhileTheRunIsUnderWay(t *testing.T) {
	t.Parallel()
	const ref = "/git/refs/tags/" + tag
	other := strings.Repeat("b", 40)
	move := map[string]any{"sha": other, "force": true}
	for name, test := range map[string]struct {
		before, during func(w *world)
		want           string
	}{
		"deleted": {during: func(w *world) { w.direct(http.MethodDelete, ref, nil) }, want: `tag "v1.2.3" was deleted while the run was under way`},
		"moved": {
			during: func(w *world) { w.direct(http.MethodPatch, ref, move) },
			want:   `tag "v1.2.3" was moved from ` + commit + " to " + other + " while the run was under way",
		},
		"made by somebody else": {
			before: func(w *world) { w.api(http.MethodDelete, ref, nil, nil) },
			during: func(w *world) {
				w.direct(http.MethodPost, "/git/refs", map[string]any{"ref": "refs/tags/" + tag, "sha": other})
			},
			want: `tag "v1.2.3" was made at ` + other + ", and not at " + commit + ", while the run was under way",
		},
		"made by somebody else at the same commit": {
			before: func(w *world) { w.api(http.MethodDelete, ref, nil, nil) },
			during: func(w *world) {
				w.direct(http.MethodPost, "/git/refs", map[string]any{"ref": "refs/tags/" + tag, "sha": commit})
			},
		},
	} {
		w := newWorld(t, github.Options{})
		cfg := w.config()
		cfg.PreserveOrder = true
		if test.before != nil {
			test.before(w)
			cfg.Commitish = commit
		}
		uploads := 0
		w.changed = func(request string) {
			if strings.HasSuffix(request, "/assets") {
				if uploads++; uploads == 1 {
					test.during(w)
				}
			}
		}
		_, err := w.run(cfg)
		if (err == nil) != (test.want == "") || err != nil && (err.Error() != test.want || len(hint.Of(err)) != 1) {
			t.Errorf("%s: error %v, hints %q", name, err, hint.Of(err))
		}
		if w.only().Draft != (err != nil) {
			t.Errorf("%s: %v, and the release is a draft: %v", name, err, w.only().Draft)
		}
	}
}

// TestATagThatARulesetForbids is made with the release, and can't be: the draft
// stays until somebody may make it.
func TestATagThatARulesetForbids(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	w.api(http.MethodDelete, "/git/refs/tags/"+tag, nil, nil)
	cfg := w.config()
	cfg.Commitish = commit
	if err := w.faults.Add(fault.Rule{
		Method: http.MethodPatch, Status: http.StatusUnprocessableEntity,
		Body: `{"message":"Validation Failed","errors":[{"resource":"Release","code":"custom","field":"pre_receive","message":"pre_receive Repository rule violations found\n\nCannot create ref due to creations being restricted.\n\n"}]}`,
	}); err != nil {
		t.Fatal(err)
	}
	_, err := w.run(cfg)
	want := `update release "v1.2.3": 422 Validation Failed: pre_receive Repository rule violations found Cannot create ref due to creations being restricted.`
	if err == nil || err.Error() != want || !strings.Contains(strings.Join(hint.Of(err), ""), "ruleset") {
		t.Errorf("error %v, hints %q", err, hint.Of(err))
	}
	w.faults.Clear()
	if !w.only().Draft {
		t.Error("it is published")
	}
	w.mustRun(cfg)
}

func TestAnotherRepositorysTagMayBeAnywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	d := w.deps()
	d.Job.Repository, d.Job.Commit = "octocat/sources", strings.Repeat("b", 40)
	if _, err := releasenotes.Run(t.Context(), w.config(), d); err != nil {
		t.Error(err)
	}
}

// TestATagThatIsMadeWithTheRelease is a run for a branch that releases a
// version by hand: the tag comes with the publication, at the run's commit.
func TestATagThatIsMadeWithTheRelease(t *testing.T) {
	t.Parallel()
	earlier := strings.Repeat("e", 40)
	w := newWorld(t, github.Options{})
	// What a run for another commit left before it failed.
	w.api(http.MethodPost, "/releases", map[string]any{"tag_name": "v2.0.0", "target_commitish": earlier, "draft": true}, nil)
	cfg, d := w.config(), w.deps()
	cfg.Tag, cfg.Commitish, d.Job.Ref = "v2.0.0", commit, "refs/heads/main"
	first, err := releasenotes.Run(t.Context(), cfg, d)
	if err != nil || !strings.HasSuffix(first.URL, "/releases/tag/v2.0.0") {
		t.Fatalf("%+v, %v", first, err)
	}
	var made struct{ Object struct{ SHA string } }
	w.api(http.MethodGet, "/git/ref/tags/v2.0.0", nil, &made)
	if made.Object.SHA != commit {
		t.Errorf("the tag is at %s, want %s", made.Object.SHA, commit)
	}
	again, err := releasenotes.Run(t.Context(), cfg, d)
	if err != nil || again.ID != first.ID || len(w.writes()) > 0 {
		t.Errorf("the second run: %+v, %v, writes %q", again, err, w.writes())
	}
	cfg.Commitish = releasenotes.Commitish(earlier)
	if _, err := releasenotes.Run(t.Context(), cfg, d); err == nil || !strings.Contains(err.Error(), `tag "v2.0.0" points to commit `+commit+", but this release is of "+earlier) ||
		!strings.Contains(strings.Join(hint.Of(err), " "), "--ref v2.0.0") {
		t.Errorf("error %v with %q", err, hint.Of(err))
	}
}

func TestATagIsMadeAtACommitOnly(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"": true, commit: true, strings.Repeat("a", 64): true, "main": true, "refs/heads/release/1": true, "a b": false, commit[:7]: false, strings.ToUpper(commit): false} {
		var c releasenotes.Commitish
		if err := c.UnmarshalText([]byte(text)); (err == nil) != ok || err != nil && len(hint.Of(err)) != 1 {
			t.Errorf("%q: %v", text, err)
		}
	}
}
