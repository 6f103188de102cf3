package github_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/org/release-actions/internal/devstack/standin/github"
)

func TestDraftsAreSeenByWritersOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	draft := w.create(gh.RepositoryRelease{TagName: gh.String("v1"), Draft: gh.Bool(true)})
	if !strings.Contains(draft.GetHTMLURL(), "/releases/tag/untagged-") || draft.PublishedAt != nil {
		t.Errorf("draft %+v", draft)
	}
	for token, want := range map[string]int{write: 1, read: 0, "": 0} {
		c := w.client(token).Repositories
		list, _, err := c.ListReleases(t.Context(), owner, repo, nil)
		if err != nil || len(list) != want {
			t.Errorf("token %q lists %d releases, %v, want %d", token, len(list), err, want)
		}
		if _, _, err := c.GetRelease(t.Context(), owner, repo, draft.GetID()); (err == nil) != (want == 1) {
			t.Errorf("token %q gets the draft: %v", token, err)
		}
		_, _, err = c.GetReleaseByTag(t.Context(), owner, repo, "v1")
		wantError(t, err, http.StatusNotFound, "", "")
	}
	_, _, err := w.client(write).Git.GetRef(t.Context(), owner, repo, "tags/v1")
	wantError(t, err, http.StatusNotFound, "", "")
}

func TestPublishingMakesTagAndRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const target = "00000000000000000000000000000000000000aa"
	draft := w.create(gh.RepositoryRelease{TagName: gh.String("v1"), TargetCommitish: gh.String(target), Name: gh.String("One"), Draft: gh.Bool(true)})
	published := w.edit(draft.GetID(), gh.RepositoryRelease{Draft: gh.Bool(false)})
	if published.GetHTMLURL() != "https://github.com/acme/hello/releases/tag/v1" || published.PublishedAt == nil || published.GetName() != "One" {
		t.Errorf("published %+v", published)
	}
	byTag, _, err := w.client("").Repositories.GetReleaseByTag(t.Context(), owner, repo, "v1")
	if err != nil || byTag.GetID() != draft.GetID() {
		t.Errorf("by tag: %v, %v", byTag, err)
	}
	ref, _, err := w.client("").Git.GetRef(t.Context(), owner, repo, "tags/v1")
	if err != nil || ref.GetObject().GetSHA() != target {
		t.Errorf("tag: %v, %v", ref, err)
	}
}

func TestExistingTagStaysWhereItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const tagged = "00000000000000000000000000000000000000bb"
	if _, _, err := w.client(write).Git.CreateRef(t.Context(), owner, repo,
		&gh.Reference{Ref: gh.String("refs/tags/v1"), Object: &gh.GitObject{SHA: gh.String(tagged)}}); err != nil {
		t.Fatal(err)
	}
	w.create(gh.RepositoryRelease{TagName: gh.String("v1"), TargetCommitish: gh.String("main")})
	ref, _, err := w.client(write).Git.GetRef(t.Context(), owner, repo, "tags/v1")
	if err != nil || ref.GetObject().GetSHA() != tagged {
		t.Errorf("tag: %v, %v", ref, err)
	}
}

func TestReleaseIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(gh.RepositoryRelease{TagName: gh.String("v1")})
	for name, tc := range map[string]struct {
		release     gh.RepositoryRelease
		field, code string
	}{
		"no tag":          {gh.RepositoryRelease{Name: gh.String("x")}, "tag_name", "missing_field"},
		"invalid tag":     {gh.RepositoryRelease{TagName: gh.String("a b")}, "tag_name", "custom"},
		"published tag":   {gh.RepositoryRelease{TagName: gh.String("v1")}, "tag_name", "already_exists"},
		"unknown target":  {gh.RepositoryRelease{TagName: gh.String("v2"), TargetCommitish: gh.String("nowhere")}, "target_commitish", "invalid"},
		"long body":       {gh.RepositoryRelease{TagName: gh.String("v2"), Body: gh.String(strings.Repeat("é", 125_001))}, "body", "custom"},
		"make_latest":     {gh.RepositoryRelease{TagName: gh.String("v2"), MakeLatest: gh.String("yes")}, "make_latest", "invalid"},
		"latest, but pre": {gh.RepositoryRelease{TagName: gh.String("v2"), Prerelease: gh.Bool(true), MakeLatest: gh.String("true")}, "make_latest", "custom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := w.client(write).Repositories.CreateRelease(t.Context(), owner, repo, &tc.release)
			wantError(t, err, http.StatusUnprocessableEntity, tc.field, tc.code)
		})
	}
	t.Run("draft of a published tag is allowed, publishing it is not", func(t *testing.T) {
		t.Parallel()
		draft := w.create(gh.RepositoryRelease{TagName: gh.String("v1"), Draft: gh.Bool(true)})
		_, _, err := w.client(write).Repositories.EditRelease(t.Context(), owner, repo, draft.GetID(), &gh.RepositoryRelease{Draft: gh.Bool(false)})
		wantError(t, err, http.StatusUnprocessableEntity, "tag_name", "already_exists")
	})
}

func TestTokensDecide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for token, want := range map[string]int{"": 401, "wrong": 401, read: 403} {
		_, _, err := w.client(token).Repositories.CreateRelease(t.Context(), owner, repo, &gh.RepositoryRelease{TagName: gh.String("v1")})
		wantError(t, err, want, "", "")
		status, _ := w.call("POST", "https://uploads.github.com/repos/acme/hello/releases/1/assets?name=x", token, "x")
		if status != want {
			t.Errorf("upload with token %q = %d, want %d", token, status, want)
		}
	}
	_, _, err := w.client(write).Repositories.ListReleases(t.Context(), owner, "other", nil)
	wantError(t, err, http.StatusNotFound, "", "")
}

func TestReleasesArePaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tag := range []string{"v1", "v2", "v3"} {
		w.create(gh.RepositoryRelease{TagName: gh.String(tag)})
	}
	var tags []string
	options := &gh.ListOptions{PerPage: 2}
	for {
		list, resp, err := w.client("").Repositories.ListReleases(t.Context(), owner, repo, options)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			tags = append(tags, r.GetTagName())
		}
		if resp.NextPage == 0 {
			break
		}
		options.Page = resp.NextPage
	}
	if got := strings.Join(tags, " "); got != "v3 v2 v1" {
		t.Errorf("tags %q, newest first", got)
	}
}

func TestLatestRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, err := w.client("").Repositories.GetLatestRelease(t.Context(), owner, repo)
	wantError(t, err, http.StatusNotFound, "", "")
	for _, step := range []struct {
		release gh.RepositoryRelease
		want    string
	}{
		{gh.RepositoryRelease{TagName: gh.String("v2.0.0")}, "v2.0.0"},
		{gh.RepositoryRelease{TagName: gh.String("v3.0.0"), Prerelease: gh.Bool(true)}, "v2.0.0"},
		{gh.RepositoryRelease{TagName: gh.String("v4.0.0"), Draft: gh.Bool(true)}, "v2.0.0"},
		{gh.RepositoryRelease{TagName: gh.String("v1.9.1"), MakeLatest: gh.String("false")}, "v2.0.0"},
		{gh.RepositoryRelease{TagName: gh.String("v1.9.2"), MakeLatest: gh.String("legacy")}, "v2.0.0"},
		{gh.RepositoryRelease{TagName: gh.String("v10.0.0"), MakeLatest: gh.String("legacy")}, "v10.0.0"},
		{gh.RepositoryRelease{TagName: gh.String("v1.9.3")}, "v1.9.3"},
	} {
		made := w.create(step.release)
		latest, _, err := w.client("").Repositories.GetLatestRelease(t.Context(), owner, repo)
		if err != nil || latest.GetTagName() != step.want {
			t.Errorf("latest after %s: %s, %v, want %s", made.GetTagName(), latest.GetTagName(), err, step.want)
		}
	}
}

func TestEditKeepsWhatIsNotSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.create(gh.RepositoryRelease{TagName: gh.String("v1"), Name: gh.String("One"), Body: gh.String("old")})
	changed := w.edit(made.GetID(), gh.RepositoryRelease{Body: gh.String("new")})
	if changed.GetName() != "One" || changed.GetBody() != "new" || changed.GetTagName() != "v1" || changed.GetDraft() {
		t.Errorf("changed %+v", changed)
	}
	if status, answer := w.call("PATCH", changed.GetURL(), write, `{"draft":"no"}`); status != 422 {
		t.Errorf("wrong type: %d %v", status, answer)
	}
	if status, answer := w.call("PATCH", changed.GetURL(), write, `{`); status != 400 {
		t.Errorf("malformed: %d %v", status, answer)
	}
	if _, err := w.client(write).Repositories.DeleteRelease(t.Context(), owner, repo, made.GetID()); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.client(write).Repositories.GetRelease(t.Context(), owner, repo, made.GetID())
	wantError(t, err, http.StatusNotFound, "", "")
}

func TestNotesAreGenerated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	notes := func(o gh.GenerateNotesOptions) string {
		t.Helper()
		n, _, err := w.client(write).Repositories.GenerateReleaseNotes(t.Context(), owner, repo, &o)
		if err != nil {
			t.Fatal(err)
		}
		return n.Body
	}
	if got, want := notes(gh.GenerateNotesOptions{TagName: "v1"}), "**Full Changelog**: https://github.com/acme/hello/commits/v1"; got != want {
		t.Errorf("first notes %q, want %q", got, want)
	}
	w.create(gh.RepositoryRelease{TagName: gh.String("v1")})
	if got, want := notes(gh.GenerateNotesOptions{TagName: "v2"}), "**Full Changelog**: https://github.com/acme/hello/compare/v1...v2"; got != want {
		t.Errorf("notes %q, want %q", got, want)
	}
	_, _, err := w.client(write).Repositories.GenerateReleaseNotes(t.Context(), owner, repo, &gh.GenerateNotesOptions{TagName: "v2", PreviousTagName: gh.String("v0")})
	wantError(t, err, http.StatusUnprocessableEntity, "", "")
	made := w.create(gh.RepositoryRelease{TagName: gh.String("v2"), Body: gh.String("Mine."), GenerateReleaseNotes: gh.Bool(true)})
	if want := "Mine.\n\n**Full Changelog**: https://github.com/acme/hello/compare/v1...v2"; made.GetBody() != want || made.GetName() != "v2" {
		t.Errorf("release %q with body %q", made.GetName(), made.GetBody())
	}
}

func TestImmutableReleaseIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *github.Options) { o.ImmutableReleases = true })
	draft := w.create(gh.RepositoryRelease{TagName: gh.String("v1"), Draft: gh.Bool(true)})
	asset, err := w.upload(draft.GetID(), "a.txt", "a")
	if err != nil {
		t.Fatal(err)
	}
	w.edit(draft.GetID(), gh.RepositoryRelease{Draft: gh.Bool(false)})
	if _, answer := w.call("GET", draft.GetURL(), "", ""); answer["immutable"] != true {
		t.Errorf("release %v", answer)
	}
	c := w.client(write)
	_, err = w.upload(draft.GetID(), "b.txt", "b")
	wantError(t, err, http.StatusUnprocessableEntity, "", "")
	_, err = c.Repositories.DeleteReleaseAsset(t.Context(), owner, repo, asset.GetID())
	wantError(t, err, http.StatusUnprocessableEntity, "", "")
	_, _, err = c.Repositories.EditReleaseAsset(t.Context(), owner, repo, asset.GetID(), &gh.ReleaseAsset{Name: gh.String("c.txt")})
	wantError(t, err, http.StatusUnprocessableEntity, "", "")
	_, _, err = c.Repositories.EditRelease(t.Context(), owner, repo, draft.GetID(), &gh.RepositoryRelease{Draft: gh.Bool(true)})
	wantError(t, err, http.StatusUnprocessableEntity, "tag_name", "custom")
	_, err = c.Git.DeleteRef(t.Context(), owner, repo, "tags/v1")
	wantError(t, err, http.StatusUnprocessableEntity, "", "")
	w.edit(draft.GetID(), gh.RepositoryRelease{Body: gh.String("text may change")})

	// The name of the tag is used up, even without the release.
	if _, err := c.Repositories.DeleteRelease(t.Context(), owner, repo, draft.GetID()); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Repositories.CreateRelease(t.Context(), owner, repo, &gh.RepositoryRelease{TagName: gh.String("v1")})
	wantError(t, err, http.StatusUnprocessableEntity, "tag_name", "custom")
}

func TestRateLimitIsCountedAndEnforced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *github.Options) { o.RateLimit = 2 })
	c := w.client(write)
	for want := range 2 {
		_, resp, err := c.Repositories.Get(t.Context(), owner, repo)
		if err != nil || resp.Rate.Limit != 2 || resp.Rate.Remaining != 1-want {
			t.Errorf("rate %+v, %v", resp.Rate, err)
		}
	}
	limits, _, err := c.RateLimit.Get(t.Context())
	if err != nil || limits.Core.Remaining != 0 || !limits.Core.Reset.After(time.Now()) {
		t.Errorf("limits %+v, %v", limits, err)
	}
	if status, answer := w.call("GET", "https://api.github.com/repos/acme/hello", write, ""); status != 403 || !strings.Contains(answer["message"].(string), "rate limit") {
		t.Errorf("third request: %d %v", status, answer)
	}
	w.clock.Add(61)
	if status, _ := w.call("GET", "https://api.github.com/repos/acme/hello", write, ""); status != 200 {
		t.Errorf("after the reset: %d, want 200", status)
	}
}
