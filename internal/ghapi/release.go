package ghapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/org/release-actions/internal/transport"
)

// Release is a release as the API describes it.
//
// https://docs.github.com/rest/releases/releases#get-a-release
type Release struct {
	ID  int64  `json:"id"`
	Tag string `json:"tag_name"`
	// Target is the branch or commit that the tag is made at when the release is
	// published, where there is no such tag by then.
	Target     string `json:"target_commitish"`
	Name       string `json:"name"`
	Body       string `json:"body"`
	Draft      bool   `json:"draft"`
	Prerelease bool   `json:"prerelease"`
	// Immutable says that the release is published and its assets are locked.
	Immutable bool   `json:"immutable"`
	URL       string `json:"html_url"`
	// Discussion is the page of the release's discussion, or empty.
	Discussion string `json:"discussion_url"`
	// UploadURL is a URI template: it ends in "{?name,label}".
	UploadURL string  `json:"upload_url"`
	Assets    []Asset `json:"assets"`
}

// ReleaseChange says what a release is to be. What is nil or empty stays as it
// is, or has GitHub's default in a new release.
type ReleaseChange struct {
	Tag        string  `json:"tag_name,omitempty"`
	Target     string  `json:"target_commitish,omitempty"`
	Name       *string `json:"name,omitempty"`
	Body       *string `json:"body,omitempty"`
	Draft      *bool   `json:"draft,omitempty"`
	Prerelease *bool   `json:"prerelease,omitempty"`
	// MakeLatest is "true", "false" or "legacy", which goes by date and version.
	MakeLatest string `json:"make_latest,omitempty"`
	// Discussion is the category of a discussion to open with the publication.
	Discussion string `json:"discussion_category_name,omitempty"`
}

// FindRelease returns the release for tag, the published one before any draft,
// and the oldest of several drafts, so that runs at the same time agree. Where
// there is none the error is ErrNotFound.
func (c *Client) FindRelease(ctx context.Context, tag string) (Release, error) {
	var found Release
	_, err := c.call(ctx, http.MethodGet, c.path("releases", "tags", tag), nil, &found)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return found, wrap(err, "find release %q", tag)
	}
	// Drafts have no address by tag: they are in the list only.
	for page := 1; page != 0; {
		var releases []Release
		if releases, page, err = c.releases(ctx, page); err != nil {
			return Release{}, err
		}
		found = first(found, tag, releases)
	}
	if found.ID == 0 {
		return Release{}, fmt.Errorf("release %q: %w", tag, ErrNotFound)
	}
	return found, nil
}

// Settle looks whether somebody else has made a release of the same tag while
// created, a new draft, was made. If so it deletes created, and returns the
// one that FindRelease finds.
func (c *Client) Settle(ctx context.Context, created Release) (Release, error) {
	newest, _, err := c.releases(ctx, 1)
	if err != nil {
		return Release{}, err
	}
	kept := first(created, created.Tag, newest)
	if kept.ID != created.ID {
		err = c.DeleteRelease(ctx, created)
	}
	return kept, err
}

// first returns the release of tag that goes before all others of it.
func first(found Release, tag string, others []Release) Release {
	for _, r := range others {
		switch {
		case r.Tag != tag:
		case found.ID == 0, found.Draft && !r.Draft, found.Draft == r.Draft && r.ID < found.ID:
			found = r
		}
	}
	return found
}

// releases returns a page of the list, newest first, and the number of the
// next page, 0 after the last.
func (c *Client) releases(ctx context.Context, page int) (list []Release, next int, err error) {
	resp, err := c.call(ctx, http.MethodGet, c.path("releases")+"?per_page=100&page="+strconv.Itoa(page), nil, &list)
	if err != nil {
		return nil, 0, wrap(err, "list releases of %q", c.repository)
	}
	return list, resp.NextPage, nil
}

// CreateRelease makes a release.
func (c *Client) CreateRelease(ctx context.Context, change ReleaseChange) (Release, error) {
	var r Release
	_, err := c.call(ctx, http.MethodPost, c.path("releases"), change, &r)
	return r, wrap(err, "create release %q", change.Tag)
}

// UpdateRelease changes the release r and returns what it is then.
func (c *Client) UpdateRelease(ctx context.Context, r Release, change ReleaseChange) (Release, error) {
	var updated Release
	_, err := c.call(ctx, http.MethodPatch, c.path("releases", id(r.ID)), change, &updated)
	return updated, wrap(err, "update release %q", r.Tag)
}

// LatestRelease returns the release that the repository shows as its latest;
// ErrNotFound where there is none.
func (c *Client) LatestRelease(ctx context.Context) (Release, error) {
	var r Release
	_, err := c.call(ctx, http.MethodGet, c.path("releases", "latest"), nil, &r)
	return r, wrap(err, "find the latest release of %q", c.repository)
}

// NotesRequest says what notes are to be about. Previous is the tag that they
// start at, Target the branch or commit of a tag that isn't there; where they are
// empty GitHub chooses.
type NotesRequest struct {
	Tag      string `json:"tag_name"`
	Target   string `json:"target_commitish,omitempty"`
	Previous string `json:"previous_tag_name,omitempty"`
}

// GenerateNotes has GitHub write notes in Markdown: what was merged, and by whom.
//
// https://docs.github.com/rest/releases/releases#generate-release-notes-content-for-a-release
func (c *Client) GenerateNotes(ctx context.Context, about NotesRequest) (string, error) {
	var notes struct{ Body string }
	_, err := c.call(transport.Replayable(ctx), http.MethodPost, c.path("releases", "generate-notes"), about, &notes)
	return notes.Body, wrap(err, "generate notes for %q", about.Tag)
}

// DeleteRelease removes the release r and its assets; the tag stays.
func (c *Client) DeleteRelease(ctx context.Context, r Release) error {
	_, err := c.call(ctx, http.MethodDelete, c.path("releases", id(r.ID)), nil, nil)
	return wrap(err, "delete release %q", r.Tag)
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// wrap says what was tried; it returns nil for a nil err.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
