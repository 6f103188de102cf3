package releasenotes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
)

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

// checkTag refuses a tag that is not there, unless it says at which commit to
// make it: GitHub would take the default branch. And it refuses a tag at another
// commit, as one that has been moved while the run was under way. It returns the
// target to give to GitHub.
func (c Config) checkTag(ctx context.Context, d Deps, name string) (target string, err error) {
	tag, err := d.GitHub.Tag(ctx, name)
	if errors.Is(err, ghapi.ErrNotFound) && c.Commitish != "" {
		return c.newTag(ctx, d, name)
	}
	if errors.Is(err, ghapi.ErrNotFound) {
		return "", hint.Wrap(err, "push the tag first: git push origin %s", name)
	}
	if err != nil {
		return "", err
	}
	if c.Commitish.isCommit() && string(c.Commitish) != tag.Commit && string(c.Commitish) != tag.Object {
		return "", hint.Wrap(fmt.Errorf("tag %q points to commit %s, but this release is of %s", name, tag.Commit, c.Commitish),
			"release under a new version; or run the workflow for the tag: gh workflow run --ref %s", name)
	}
	ours := d.Origin.Ref == "refs/tags/"+name && strings.EqualFold(d.Origin.Repository, d.GitHub.Repository().String())
	if ours && d.Origin.Commit != tag.Commit && d.Origin.Commit != tag.Object {
		return "", hint.Wrap(fmt.Errorf("tag %q points to commit %s, but this run is for %s", name, tag.Commit, d.Origin.Commit),
			"the tag was moved while the run was under way: release under a new version, or run the workflow for the tag anew")
	}
	return string(c.Commitish), nil
}

// newTag returns the commit that GitHub is to make a tag at. A branch is resolved
// now, since it may move until the release is published.
func (c Config) newTag(ctx context.Context, d Deps, name string) (commit string, err error) {
	commit = string(c.Commitish)
	if !c.Commitish.isCommit() {
		if commit, err = d.GitHub.Branch(ctx, commit); err != nil {
			return "", fmt.Errorf("input \"target-commitish\": %w", err)
		}
	}
	d.Log.Info("the tag is made with the release", "tag", name, "commit", commit)
	return commit, nil
}
