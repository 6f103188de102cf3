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
// target to give to GitHub, and what the tag's ref holds, if it is there.
func (c Config) checkTag(ctx context.Context, d Deps, name string) (target, object string, err error) {
	tag, err := d.GitHub.Tag(ctx, name)
	if errors.Is(err, ghapi.ErrNotFound) && c.Commitish != "" {
		target, err = c.newTag(ctx, d, name)
		return target, "", err
	}
	if errors.Is(err, ghapi.ErrNotFound) {
		return "", "", hint.Wrap(err, "push the tag first: git push origin %s", name)
	}
	if err != nil {
		return "", "", err
	}
	if c.Commitish.isCommit() && string(c.Commitish) != tag.Commit && string(c.Commitish) != tag.Object {
		return "", "", hint.Wrap(fmt.Errorf("tag %q points to commit %s, but this release is of %s", name, tag.Commit, c.Commitish),
			"release under a new version; or run the workflow for the tag: gh workflow run --ref %s", name)
	}
	ours := d.Job.Ref == "refs/tags/"+name && strings.EqualFold(d.Job.Repository, d.GitHub.Repository().String())
	if ours && d.Job.Commit != tag.Commit && d.Job.Commit != tag.Object {
		return "", "", hint.Wrap(fmt.Errorf("tag %q points to commit %s, but this run is for %s", name, tag.Commit, d.Job.Commit),
			"the tag was moved while the run was under way: release under a new version, or run the workflow for the tag anew")
	}
	return string(c.Commitish), tag.Object, nil
}

// recheckTag looks at the tag once more before a release is published: without it
// GitHub would make it anew, at whatever the default branch is at by then.
func (r *releaser) recheckTag(ctx context.Context) error {
	object, err := r.GitHub.TagObject(ctx, r.tag)
	gone := errors.Is(err, ghapi.ErrNotFound)
	const mend = "the draft stays as it is: run the workflow for the tag anew, or release under a new version"
	switch {
	case gone && r.object == "", err == nil && object == r.object:
		return nil
	case gone:
		return hint.Wrap(fmt.Errorf("tag %q was deleted while the run was under way", r.tag), mend)
	case err != nil:
		return err
	case r.object != "":
		return hint.Wrap(fmt.Errorf("tag %q was moved from %s to %s while the run was under way", r.tag, r.object, object), mend)
	}
	// Somebody else was faster to make it.
	if tag, err := r.GitHub.Tag(ctx, r.tag); err != nil || tag.Commit == r.target {
		return err
	}
	return hint.Wrap(fmt.Errorf("tag %q was made at %s, and not at %s, while the run was under way", r.tag, object, r.target), mend)
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
