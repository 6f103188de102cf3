package github_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
)

const other = "00000000000000000000000000000000000000cc"

func reference(name, sha string) *gh.Reference {
	return &gh.Reference{Ref: gh.String(name), Object: &gh.GitObject{SHA: gh.String(sha)}}
}

func TestRefsAreMadeMovedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(write).Git
	main, _, err := c.GetRef(t.Context(), owner, repo, "heads/main")
	if err != nil || main.GetObject().GetSHA() != commit {
		t.Errorf("main: %v, %v", main, err)
	}
	if _, _, err := c.CreateRef(t.Context(), owner, repo, reference("refs/tags/v1", commit)); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.CreateRef(t.Context(), owner, repo, reference("refs/tags/v1", other))
	wantError(t, err, http.StatusUnprocessableEntity, "", "")
	_, _, err = c.UpdateRef(t.Context(), owner, repo, reference("refs/tags/v1", other), false)
	wantError(t, err, http.StatusUnprocessableEntity, "", "")
	moved, _, err := c.UpdateRef(t.Context(), owner, repo, reference("refs/tags/v1", other), true)
	if err != nil || moved.GetObject().GetSHA() != other {
		t.Errorf("moved: %v, %v", moved, err)
	}
	matching, _, err := c.ListMatchingRefs(t.Context(), owner, repo, &gh.ReferenceListOptions{Ref: "tags/v"})
	if err != nil || len(matching) != 1 {
		t.Errorf("matching: %v, %v", matching, err)
	}
	tags, _, err := w.client("").Repositories.ListTags(t.Context(), owner, repo, nil)
	if err != nil || len(tags) != 1 || tags[0].GetCommit().GetSHA() != other {
		t.Errorf("tags: %v, %v", tags, err)
	}
	if _, err := c.DeleteRef(t.Context(), owner, repo, "tags/v1"); err != nil {
		t.Error(err)
	}
	_, err = c.DeleteRef(t.Context(), owner, repo, "tags/v1")
	wantError(t, err, http.StatusUnprocessableEntity, "", "")
}

func TestBadRefsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ref := range []*gh.Reference{
		reference("refs/x", commit), reference("refs/tags/a b", commit), reference("refs/tags/v1", "abc"),
	} {
		_, _, err := w.client(write).Git.CreateRef(t.Context(), owner, repo, ref)
		wantError(t, err, http.StatusUnprocessableEntity, "", "")
	}
}

func TestAnnotatedTagLeadsToItsCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(write).Git
	tag, _, err := c.CreateTag(t.Context(), owner, repo, &gh.Tag{
		Tag: gh.String("v1"), Message: gh.String("One"), Object: &gh.GitObject{Type: gh.String("commit"), SHA: gh.String(other)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.CreateRef(t.Context(), owner, repo, reference("refs/tags/v1", tag.GetSHA())); err != nil {
		t.Fatal(err)
	}
	ref, _, err := c.GetRef(t.Context(), owner, repo, "tags/v1")
	if err != nil || ref.GetObject().GetType() != "tag" {
		t.Errorf("ref: %v, %v", ref, err)
	}
	read, _, err := c.GetTag(t.Context(), owner, repo, ref.GetObject().GetSHA())
	if err != nil || read.GetObject().GetSHA() != other {
		t.Errorf("tag: %v, %v", read, err)
	}
	tags, _, err := w.client("").Repositories.ListTags(t.Context(), owner, repo, nil)
	if err != nil || tags[0].GetCommit().GetSHA() != other {
		t.Errorf("tags: %v, %v", tags, err)
	}
}

func TestClientsUnderstandTheRateLimitFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reset := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, rule := range []fault.Rule{github.PrimaryRateLimit(reset), github.SecondaryRateLimit(7)} {
		var c fault.Controller
		if err := c.Add(rule); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(c.Wrap(github.APIHost, w.hosts[github.APIHost]))
		t.Cleanup(server.Close)
		client, err := gh.NewClient(nil).WithEnterpriseURLs(server.URL, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = client.Repositories.Get(t.Context(), owner, repo)
		var primary *gh.RateLimitError
		var secondary *gh.AbuseRateLimitError
		switch {
		case errors.As(err, &primary):
			if !primary.Rate.Reset.Equal(gh.Timestamp{Time: reset}) {
				t.Errorf("reset %v, want %v", primary.Rate.Reset, reset)
			}
		case errors.As(err, &secondary):
			if secondary.GetRetryAfter() != 7*time.Second {
				t.Errorf("retry after %v, want 7s", secondary.GetRetryAfter())
			}
		default:
			t.Errorf("error %v, want a rate limit", err)
		}
	}
}
