// Package releasenotes publishes the GitHub release of a tag: a text that tells
// how to pull and verify the image, and files. The release is a draft until all
// of its files are there and checked, so a published one lacks nothing; what
// an interrupted run has left is found and completed.
package releasenotes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/job"
	"github.com/org/release-actions/internal/registry"
)

// Deps are the services of the step.
type Deps struct {
	GitHub   *ghapi.Client
	Registry *registry.Client
	Log      *slog.Logger
	Job      job.Job // what the workflow runs for
	// Home is what "~" stands for in front of a path.
	Home string
	// Pause is how long is waited, at first, before what broke off is tried
	// again; half a second where 0.
	Pause time.Duration
}

// Result is what the step tells. All of it is empty where nothing was to be
// released.
type Result struct {
	URL       string          `output:"url"`
	ID        string          `output:"id"`
	UploadURL string          `output:"upload-url"`
	Assets    json.RawMessage `output:"assets"`

	release ghapi.Release
	assets  []ghapi.Asset
}

// Run brings the release of the tag into the state that cfg describes.
func Run(ctx context.Context, cfg Config, d Deps) (Result, error) {
	tag := cfg.tag(d.Job.Ref)
	switch {
	case tag == "" && d.Job.Ref == "":
		return Result{}, hint.New(`input "tag" is missing`, "add \"tag: v1.2.3\" under \"with:\"")
	case tag == "":
		d.Log.Info("no release: the run is not for a tag", "ref", d.Job.Ref)
		return Result{}, nil
	case cfg.Token().IsZero():
		return Result{}, hint.New(`input "github-token" is missing`, "leave it out to use the job's own token, or name a secret that is set")
	}
	files, err := cfg.collect(d)
	if err != nil {
		return Result{}, err
	}
	own, err := cfg.ownText()
	if err != nil {
		return Result{}, err
	}
	target, object, err := cfg.checkTag(ctx, d, tag)
	if err != nil {
		return Result{}, err
	}
	section, err := again(ctx, d.Pause, func() (string, error) { return cfg.section(ctx, d, tag, files) })
	if err != nil {
		return Result{}, err
	}
	r := &releaser{Deps: d, cfg: cfg, tag: tag, target: target, object: object, own: own, section: section}
	return r.run(ctx, files)
}

// downloads returns the address below which a release's assets are.
func (d Deps) downloads(tag string) string {
	return strings.TrimSuffix(d.Job.ServerURL, "/") + "/" + d.GitHub.Repository().String() + "/releases/download/" + url.PathEscape(tag)
}

// releaser makes or changes one release.
type releaser struct {
	Deps
	cfg     Config
	tag     string
	target  string  // where GitHub makes the tag if it isn't there
	object  string  // what the tag's ref holds, or "" where it is made
	own     string  // the user's text, or ""
	section string  // ours, or ""
	notes   *string // GitHub's, once they are generated
}

func (r *releaser) run(ctx context.Context, files []ghapi.File) (Result, error) {
	current, err := again(ctx, r.Pause, func() (ghapi.Release, error) { return r.find(ctx) })
	if err != nil {
		return Result{}, err
	}
	body, whole, err := r.text(ctx, &current)
	if err != nil {
		return Result{}, err
	}
	if whole != "" {
		files = append(slices.Clip(files), textFile(wholeName, whole))
	}
	a := assets{Deps: r.Deps, cfg: r.cfg, release: current, files: files}
	uploaded, err := a.sync(ctx)
	if err != nil {
		return Result{}, err
	}
	change, changes, err := r.change(ctx, current, body)
	if err != nil {
		return Result{}, err
	}
	if change.Draft != nil {
		if err := r.recheckTag(ctx); err != nil {
			return Result{}, err
		}
	}
	if changes {
		current, err = again(ctx, r.Pause, func() (ghapi.Release, error) { return r.GitHub.UpdateRelease(ctx, current, change) })
		if err != nil {
			return Result{}, err
		}
	}
	if current.Draft && !r.cfg.Draft {
		return Result{}, fmt.Errorf("release %q is still a draft, though GitHub has taken its publication", r.tag)
	}
	return newResult(current, uploaded)
}

// find returns the release of the tag, or makes a draft of it.
func (r *releaser) find(ctx context.Context) (ghapi.Release, error) {
	found, err := r.GitHub.FindRelease(ctx, r.tag)
	if err == nil {
		r.Log.Info("found the release", "tag", r.tag, "draft", found.Draft)
		return found, nil
	}
	if !errors.Is(err, ghapi.ErrNotFound) {
		return ghapi.Release{}, err
	}
	body, _, err := r.text(ctx, nil)
	if err != nil {
		return ghapi.Release{}, err
	}
	draft, name, prerelease := true, r.name(nil), r.cfg.Prerelease.of(r.tag, nil)
	created, err := r.GitHub.CreateRelease(ctx, ghapi.ReleaseChange{
		Tag: r.tag, Target: r.target, Name: &name, Body: &body, Draft: &draft, Prerelease: &prerelease,
	})
	if errors.Is(err, ghapi.ErrInvalid) || errors.Is(err, ghapi.ErrExists) {
		// Perhaps another run has published one by now.
		if found, err := r.GitHub.FindRelease(ctx, r.tag); err == nil {
			return found, nil
		}
	}
	if err != nil {
		return ghapi.Release{}, err
	}
	r.Log.Info("made a draft of the release", "tag", r.tag)
	return r.GitHub.Settle(ctx, created)
}

// change returns what is to change in a release, and whether anything is. A
// draft is published, and a published release never made a draft again.
func (r *releaser) change(ctx context.Context, current ghapi.Release, body string) (change ghapi.ReleaseChange, changes bool, err error) {
	name, prerelease := r.name(&current), r.cfg.Prerelease.of(r.tag, &current)
	change = ghapi.ReleaseChange{Name: &name, Body: &body, Prerelease: &prerelease}
	changes = name != current.Name || body != current.Body || prerelease != current.Prerelease
	if r.target != "" && current.Target != r.target && !current.Immutable {
		// An earlier run may have made the draft for another commit.
		change.Target, changes = r.target, true
	}
	if current.Draft && r.cfg.Draft {
		return change, changes, nil
	}
	if r.cfg.Discussion != "" && current.Discussion == "" {
		change.Discussion, changes = r.cfg.Discussion, true
	}
	change.MakeLatest = string(r.cfg.MakeLatest)
	if !current.Draft {
		latest, err := r.changesLatest(ctx, current)
		if !latest {
			change.MakeLatest = ""
		}
		return change, changes || latest, err
	}
	draft := false
	change.Draft = &draft
	if change.MakeLatest == "" {
		// GitHub's own default would let a fix of an old line take the place
		// of the newest version.
		change.MakeLatest = "legacy"
	}
	return change, true, nil
}

// changesLatest reports whether a published release has to become the latest, or
// to stop being it.
func (r *releaser) changesLatest(ctx context.Context, current ghapi.Release) (bool, error) {
	if r.cfg.MakeLatest != "true" && r.cfg.MakeLatest != "false" {
		return false, nil
	}
	latest, err := r.GitHub.LatestRelease(ctx)
	if err != nil && !errors.Is(err, ghapi.ErrNotFound) {
		return false, err
	}
	return (latest.ID == current.ID) != (r.cfg.MakeLatest == "true"), nil
}

// newResult takes the assets from the release where it lists them: their
// addresses change when a draft is published.
func newResult(r ghapi.Release, uploaded []ghapi.Asset) (Result, error) {
	assets := []ghapi.Asset{}
	for _, a := range uploaded {
		if i := slices.IndexFunc(r.Assets, func(other ghapi.Asset) bool { return other.ID == a.ID }); i >= 0 {
			a = r.Assets[i]
		}
		assets = append(assets, a)
	}
	text, err := json.Marshal(assets)
	return Result{URL: r.URL, ID: strconv.FormatInt(r.ID, 10), UploadURL: r.UploadURL, Assets: text, release: r, assets: assets}, err
}
