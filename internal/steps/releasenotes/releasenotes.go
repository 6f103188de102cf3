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
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/registry"
)

// Deps are the services of the step.
type Deps struct {
	GitHub   *ghapi.Client
	Registry *registry.Client
	Log      *slog.Logger
	// ServerURL is where people see GitHub: "https://github.com".
	ServerURL string
	// Origin is what the workflow's run is for.
	Origin Origin
	// Pause is how long is waited, at first, before what broke off is tried
	// again; half a second where 0.
	Pause time.Duration
}

// Origin is what a workflow's run is for. It is zero outside of a workflow.
type Origin struct {
	Repository string // "owner/name"
	Ref        string // "refs/tags/v1.2.3"
	Commit     string // the ref's SHA
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
	tag := cfg.tag(d.Origin.Ref)
	switch {
	case tag == "" && d.Origin.Ref == "":
		return Result{}, hint.New(`input "tag" is missing`, "add \"tag: v1.2.3\" under \"with:\"")
	case tag == "":
		d.Log.Info("no release: the run is not for a tag", "ref", d.Origin.Ref)
		return Result{}, nil
	case cfg.Registry.GitHubToken.IsZero():
		return Result{}, hint.New(`input "github-token" is missing`, "leave it out to use the job's own token, or name a secret that is set")
	}
	files, err := collect(cfg.Files)
	if err != nil {
		return Result{}, err
	}
	own, err := cfg.body()
	if err != nil {
		return Result{}, err
	}
	if err := cfg.checkTag(ctx, d, tag); err != nil {
		return Result{}, err
	}
	section, err := cfg.section(ctx, d, tag, files)
	if err != nil {
		return Result{}, err
	}
	r := releaser{Deps: d, cfg: cfg, tag: tag, body: own, section: section}
	return r.run(ctx, files)
}

// tag returns the name of the tag to release: the one that is given, else the
// one that the run is for.
func (c Config) tag(ref string) string {
	if c.Tag != "" {
		return strings.TrimPrefix(c.Tag, "refs/tags/")
	}
	tag, ok := strings.CutPrefix(ref, "refs/tags/")
	if !ok {
		return ""
	}
	return tag
}

// body returns the text that the user gives, or nil.
func (c Config) body() (*string, error) {
	switch {
	case c.BodyPath != "":
		text, err := os.ReadFile(c.BodyPath)
		if err != nil {
			return nil, hint.Wrap(fmt.Errorf("input \"body-path\": %w", err), "name a file below the workspace")
		}
		body := strings.ToValidUTF8(string(text), "\uFFFD")
		return &body, nil
	case c.Body != "":
		return &c.Body, nil
	}
	return nil, nil
}

// checkTag refuses a tag that is not there, unless it says at which commit to
// make it: GitHub would take the default branch. And it refuses a tag at another
// commit, as one that has been moved while the run was under way.
func (c Config) checkTag(ctx context.Context, d Deps, name string) error {
	tag, err := d.GitHub.Tag(ctx, name)
	if errors.Is(err, ghapi.ErrNotFound) {
		if c.Commit != "" {
			d.Log.Info("the tag is made with the release", "tag", name, "commit", string(c.Commit))
			return nil
		}
		return hint.Wrap(err, "push the tag first: git push origin %s", name)
	}
	if err != nil {
		return err
	}
	if c.Commit != "" && string(c.Commit) != tag.Commit && string(c.Commit) != tag.Object {
		return hint.Wrap(fmt.Errorf("tag %q points to commit %s, but this release is of %s", name, tag.Commit, c.Commit),
			"release under a new version; or run the workflow for the tag: gh workflow run --ref %s", name)
	}
	ours := d.Origin.Ref == "refs/tags/"+name && strings.EqualFold(d.Origin.Repository, d.GitHub.Repository().String())
	if ours && d.Origin.Commit != tag.Commit && d.Origin.Commit != tag.Object {
		return hint.Wrap(fmt.Errorf("tag %q points to commit %s, but this run is for %s", name, tag.Commit, d.Origin.Commit),
			"the tag was moved while the run was under way: release under a new version, or run the workflow for the tag anew")
	}
	return nil
}

// section describes the image, or is empty where there is none.
func (c Config) section(ctx context.Context, d Deps, tag string, files []ghapi.File) (string, error) {
	if len(c.Images) == 0 {
		return "", nil
	}
	platforms, err := d.Registry.Platforms(ctx, c.Images[0])
	if err != nil {
		return "", err
	}
	n := notes{
		Digest: c.Images[0].Digest, Images: c.notesImages(), Identity: c.Identity, Issuer: c.Issuer, TrustedRoot: c.TrustedRoot,
		Downloads: strings.TrimSuffix(d.ServerURL, "/") + "/" + d.GitHub.Repository().String() + "/releases/download/" + url.PathEscape(tag),
	}
	for _, p := range platforms {
		n.Platforms = append(n.Platforms, notesPlatform{
			Platform: p.Platform, Digest: p.Digest, SPDX: sbom(files, p.Platform, "spdx"), CycloneDX: sbom(files, p.Platform, "cdx"),
		})
	}
	return n.section()
}

// releaser makes or changes one release.
type releaser struct {
	Deps
	cfg     Config
	tag     string
	body    *string // the user's text, or nil
	section string
}

func (r releaser) run(ctx context.Context, files []ghapi.File) (Result, error) {
	current, err := again(ctx, r.Pause, func() (ghapi.Release, error) { return r.find(ctx) })
	if err != nil {
		return Result{}, err
	}
	a := assets{Deps: r.Deps, release: current, files: files}
	uploaded, err := a.sync(ctx)
	if err != nil {
		return Result{}, err
	}
	change, changes := r.change(current)
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
func (r releaser) find(ctx context.Context) (ghapi.Release, error) {
	found, err := r.GitHub.FindRelease(ctx, r.tag)
	if err == nil {
		r.Log.Info("found the release", "tag", r.tag, "draft", found.Draft)
		return found, nil
	}
	if !errors.Is(err, ghapi.ErrNotFound) {
		return ghapi.Release{}, err
	}
	draft := true
	change := r.text(nil)
	change.Tag, change.Target, change.Draft = r.tag, string(r.cfg.Commit), &draft
	created, err := r.GitHub.CreateRelease(ctx, change)
	if err != nil {
		return ghapi.Release{}, err
	}
	r.Log.Info("made a draft of the release", "tag", r.tag)
	return r.GitHub.Settle(ctx, created)
}

// text returns what people read: name, text, and whether it is a pre-release.
func (r releaser) text(current *ghapi.Release) ghapi.ReleaseChange {
	name, body := r.cfg.Name, ""
	if current != nil {
		body = current.Body
	}
	switch {
	case name == "" && current != nil && current.Name != "":
		name = current.Name
	case name == "":
		name = r.tag
	}
	if r.body != nil {
		body = *r.body
	}
	body = merge(body, r.section)
	prerelease := r.cfg.Prerelease.of(r.tag, current)
	return ghapi.ReleaseChange{Name: &name, Body: &body, Prerelease: &prerelease}
}

// change returns what is to change in a release, and whether anything is. A
// draft is published, and a published release never made a draft again.
func (r releaser) change(current ghapi.Release) (ghapi.ReleaseChange, bool) {
	change := r.text(&current)
	changes := *change.Name != current.Name || *change.Body != current.Body || *change.Prerelease != current.Prerelease
	if current.Draft && r.cfg.Commit != "" && current.Target != string(r.cfg.Commit) {
		// An earlier run may have made the draft for another commit.
		change.Target, changes = string(r.cfg.Commit), true
	}
	if current.Draft && !r.cfg.Draft {
		draft := false
		change.Draft = &draft
		change.MakeLatest = string(r.cfg.MakeLatest)
		if change.MakeLatest == "" {
			// GitHub's own default would let a fix of an old line take the place
			// of the newest version.
			change.MakeLatest = "legacy"
		}
		changes = true
	}
	return change, changes
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
