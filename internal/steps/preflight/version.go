package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// lookOnce returns a function that looks for the released image, the first time.
func (p *plan) lookOnce() func(context.Context) (image.Pinned, error) {
	var once sync.Once
	var found image.Pinned
	var err error
	return func(ctx context.Context) (image.Pinned, error) {
		once.Do(func() {
			if p.Overwrite || !p.Push {
				return
			}
			found, err = evidence.Earlier{
				Registry: p.Deps.Registry, Images: p.Images, Platforms: p.Platforms, Tags: p.Tags, Version: p.Version, Revision: p.Job.Commit,
				Token: p.Token, Trust: p.Config.Sigstore.Trust, Sigstore: p.Deps.Sigstore, Log: p.Log,
			}.Find(ctx)
		})
		return found, err
	}
}

// version is whether the version may be released, or was, by this workflow.
func (p *plan) version() []check {
	all := []check{{name: "the version's tag", find: func(ctx context.Context) error {
		_, err := p.earlier(ctx)
		if err != nil && !errors.Is(err, evidence.ErrReleased) {
			return undecided{err}
		}
		return err
	}}}
	if tag := p.gitTag(); p.Release && p.GitHub != nil && tag != "" {
		all = append(all,
			check{name: fmt.Sprintf("the git tag %q", tag), find: func(ctx context.Context) error { return p.checkTag(ctx, tag) }},
			check{name: fmt.Sprintf("the release %q", tag), find: func(ctx context.Context) error { return p.checkRelease(ctx, tag) }})
	}
	return all
}

// gitTag returns the tag of the release; "" where there is none.
func (p *plan) gitTag() string {
	if p.Tag != "" {
		return strings.TrimPrefix(p.Tag, "refs/tags/")
	}
	tag, ok := strings.CutPrefix(p.Job.Ref, "refs/tags/")
	if !ok {
		return ""
	}
	return tag
}

// checkTag refuses a tag that is at another commit. One that was given as an
// input is made with the release.
func (p *plan) checkTag(ctx context.Context, name string) error {
	tag, err := p.GitHub.Tag(ctx, name)
	switch {
	case errors.Is(err, ghapi.ErrNotFound) && p.Tag != "":
		return nil
	case errors.Is(err, ghapi.ErrNotFound):
		return hint.Wrap(fmt.Errorf("git tag %q is gone from the repository", name), "push it again: git push origin %s", name)
	case err != nil:
		return undecided{err}
	case tag.Commit != p.Job.Commit && tag.Object != p.Job.Commit:
		return hint.Wrap(fmt.Errorf("git tag %q points to commit %s, and this run is for %s", name, tag.Commit, p.Job.Commit),
			"release a new version; or run the workflow for the tag: gh workflow run --ref %s", name)
	}
	return nil
}

// checkRelease refuses a release that takes no more files, unless it is of the
// image that this run goes on with: then it may be complete.
//
// https://docs.github.com/code-security/supply-chain-security/understanding-your-software-supply-chain/immutable-releases
func (p *plan) checkRelease(ctx context.Context, tag string) error {
	release, err := p.GitHub.PublishedRelease(ctx, tag)
	switch {
	case errors.Is(err, ghapi.ErrNotFound):
		return nil
	case err != nil:
		return undecided{err}
	case !release.Immutable:
		return nil
	}
	if image, err := p.earlier(ctx); err != nil || image.Digest != "" {
		return nil //nolint:nilerr // the check of the version's tag tells it
	}
	return hint.Wrap(fmt.Errorf("release %q is published and immutable: GitHub takes no more files for it", tag),
		"release a new version: the tag of an immutable release can't be used again")
}
