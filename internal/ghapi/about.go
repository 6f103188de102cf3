package ghapi

import (
	"context"
	"net/http"
	"time"
)

// About is what a repository says of itself. An event's payload has the same
// object.
//
// https://docs.github.com/rest/repos/repos#get-a-repository
type About struct {
	Name          string `json:"name"`
	Description   string `json:"description"`
	URL           string `json:"html_url"` // of its page
	DefaultBranch string `json:"default_branch"`
	License       struct {
		SPDX string `json:"spdx_id"` // an SPDX identifier, or NOASSERTION
	} `json:"license"`
}

// About returns what the repository says of itself.
func (c *Client) About(ctx context.Context) (About, error) {
	var about About
	if _, err := c.call(ctx, http.MethodGet, c.path(), nil, &about); err != nil {
		return About{}, wrap(err, "read repository %q", c.repository)
	}
	return about, nil
}

// CommitDate returns when the commit was made, by its committer; the zero time
// where the commit doesn't say.
//
// https://docs.github.com/rest/commits/commits#get-a-commit
func (c *Client) CommitDate(ctx context.Context, sha string) (time.Time, error) {
	var answer struct {
		Commit struct {
			Committer struct {
				Date time.Time `json:"date"`
			} `json:"committer"`
		} `json:"commit"`
	}
	if _, err := c.call(ctx, http.MethodGet, c.path("commits", sha), nil, &answer); err != nil {
		return time.Time{}, wrap(err, "read commit %q", sha)
	}
	return answer.Commit.Committer.Date, nil
}
