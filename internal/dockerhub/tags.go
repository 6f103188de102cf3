package dockerhub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/webapi"
)

const (
	pageSize = 100 // the most that Docker Hub sends
	// pagesAtOnce bounds the requests at once of one listing.
	pagesAtOnce = 4
)

// ErrNoList says that the answer to a listing has no list.
var ErrNoList = errors.New("the answer has no list")

// errUnstable is why a listing is given up.
var errUnstable = errors.New("it changes while it is listed")

// Tag is a tag and what it points to.
//
// https://docs.docker.com/reference/api/hub/latest/#tag/repositories
type Tag struct {
	Name      string       `json:"name"`
	Digest    image.Digest `json:"digest"`
	MediaType string       `json:"media_type"`
	Pushed    time.Time    `json:"tag_last_pushed"`
	Size      int64        `json:"full_size"` // of all layers of all platforms, in bytes
}

// Tags lists all tags of a repository that the API shows, as they are at one
// moment: where tags are set or deleted in between, the listing is made again,
// and given up after some times. Of very many tags the API may not show the oldest.
func (c *Client) Tags(ctx context.Context, r image.Repository) ([]Tag, error) {
	var earlier []Tag
	for try := 0; ; try++ {
		tags, count, err := c.tags(ctx, r)
		if err != nil {
			return nil, c.explain(err, "list the tags of", r)
		}
		names := map[string]bool{}
		for _, t := range tags {
			names[t.Name] = true
		}
		if len(names) == len(tags) && (len(tags) == count || reflect.DeepEqual(tags, earlier)) {
			return tags, nil
		}
		if try == 3 {
			return nil, hint.Wrap(fmt.Errorf("list the tags of %q: %w", r, errUnstable), "run the job again when nothing is pushed or deleted there")
		}
		earlier = tags
	}
}

// tags reads all pages, and returns the count that they agree on, or -1.
func (c *Client) tags(ctx context.Context, r image.Repository) ([]Tag, int, error) {
	first, err := c.tagPage(ctx, r, 1)
	if err != nil || first.Count <= pageSize {
		return first.Results, first.Count, err
	}
	pages := make([]tagPage, (first.Count+pageSize-1)/pageSize)
	pages[0] = first
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pagesAtOnce)
	for n := 1; n < len(pages); n++ {
		group.Go(func() (err error) {
			pages[n], err = c.tagPage(ctx, r, n+1)
			if errors.Is(err, webapi.ErrNotFound) { // so a page after the last one answers
				err = nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	var all []Tag
	for _, page := range pages {
		all = append(all, page.Results...)
		if page.Count != first.Count {
			first.Count = -1
		}
	}
	return all, first.Count, nil
}

type tagPage struct {
	Count   int   `json:"count"`
	Results []Tag `json:"results"`
}

func (c *Client) tagPage(ctx context.Context, r image.Repository, number int) (page tagPage, err error) {
	err = c.call(ctx, webapi.Request{
		Method: http.MethodGet, Path: organizationPath(r) + "/tags",
		Query: url.Values{"page_size": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(number)}},
	}, &page)
	return page, err
}

// NewestTags returns the tags that were pushed last, a hundred at most.
func (c *Client) NewestTags(ctx context.Context, r image.Repository) ([]Tag, error) {
	page, err := c.tagPage(ctx, r, 1)
	return page.Results, c.explain(err, "list the newest tags of", r)
}

// Tag returns one tag.
func (c *Client) Tag(ctx context.Context, r image.Repository, name string) (t Tag, err error) {
	err = c.call(ctx, webapi.Request{Method: http.MethodGet, Path: organizationPath(r) + "/tags/" + name}, &t)
	return t, c.explain(err, "read the tag "+strconv.Quote(name)+" of", r)
}

// DeleteTag removes a tag. What it points to stays, and can be pulled by its
// digest.
func (c *Client) DeleteTag(ctx context.Context, r image.Repository, name string) error {
	return c.explain(c.either(ctx, r, http.MethodDelete, "/tags/"+name+"/", nil), "delete the tag "+strconv.Quote(name)+" of", r)
}

// Manifest is a manifest or an index, with or without tags.
type Manifest struct {
	Digest    image.Digest `json:"manifest_digest"`
	MediaType string       `json:"media_type"`
	Tags      []string     `json:"tags"`
	Pushed    time.Time    `json:"last_pushed"`
	Size      int64        `json:"total_size"` // of its layers, in bytes
}

// Manifests lists all manifests of a repository, also those without a tag. The
// listing is in no published description, but what Docker Hub's own pages for
// image management show; so it may end, which is ErrNoList or one of webapi's
// kinds.
//
// https://github.com/docker/roadmap/issues/795
func (c *Client) Manifests(ctx context.Context, r image.Repository) ([]Manifest, error) {
	var all []Manifest
	seen := map[image.Digest]bool{}
	query := url.Values{"page_size": {strconv.Itoa(pageSize)}}
	for {
		var page struct {
			Manifests []Manifest `json:"manifests"`
			Next      string     `json:"last_evaluated_key"`
		}
		err := c.call(ctx, webapi.Request{Method: http.MethodGet, Path: organizationPath(r) + "/manifests", Query: query}, &page)
		if err == nil && page.Manifests == nil {
			err = ErrNoList
		}
		if err != nil {
			return nil, c.explain(err, "list the manifests of", r)
		}
		fresh := slices.DeleteFunc(page.Manifests, func(m Manifest) bool { return seen[m.Digest] })
		for _, m := range fresh {
			seen[m.Digest] = true
		}
		all = append(all, fresh...)
		// The last page may name a key, too, which leads to nothing new.
		if page.Next == "" || page.Next == query.Get("last_evaluated_key") || len(fresh) == 0 {
			return all, nil
		}
		query.Set("last_evaluated_key", page.Next)
	}
}
