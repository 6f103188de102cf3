package ghapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Tag is a git tag.
type Tag struct {
	// Object is the SHA that the ref holds, Commit that of the commit behind it.
	// They differ for an annotated tag.
	Object, Commit string
}

// TagObject returns the SHA that a tag's ref holds: of a commit, or of an annotated
// tag; ErrNotFound where there is no such tag.
func (c *Client) TagObject(ctx context.Context, name string) (string, error) {
	target, err := c.ref(ctx, "tags", name)
	return target.Object.SHA, wrap(err, "resolve tag %q", name)
}

// maxTagDepth bounds how many tags of tags are followed.
const maxTagDepth = 5

// refTarget is what a ref points to.
type refTarget struct {
	Object struct{ Type, SHA string }
}

// ref reads a ref of one kind, tags or heads.
//
// https://docs.github.com/rest/git/refs#get-a-reference
func (c *Client) ref(ctx context.Context, kind, name string) (target refTarget, err error) {
	// The slashes of a name must stay slashes here.
	segments := strings.Split(name, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	_, err = c.call(ctx, http.MethodGet, c.path("git", "ref", kind)+"/"+strings.Join(segments, "/"), nil, &target)
	return target, err
}

// Branch returns the SHA of the commit that a branch is at; ErrNotFound where
// there is no such branch.
func (c *Client) Branch(ctx context.Context, name string) (string, error) {
	target, err := c.ref(ctx, "heads", name)
	return target.Object.SHA, wrap(err, "resolve branch %q", name)
}

// Tag resolves a tag to its commit; ErrNotFound where there is no such tag.
func (c *Client) Tag(ctx context.Context, name string) (Tag, error) {
	object, err := c.ref(ctx, "tags", name)
	if err != nil {
		return Tag{}, wrap(err, "resolve tag %q", name)
	}
	tag := Tag{Object: object.Object.SHA}
	for range maxTagDepth {
		switch object.Object.Type {
		case "commit":
			tag.Commit = object.Object.SHA
			return tag, nil
		case "tag":
			if _, err := c.call(ctx, http.MethodGet, c.path("git", "tags", object.Object.SHA), nil, &object); err != nil {
				return Tag{}, wrap(err, "resolve tag %q", name)
			}
		default:
			return Tag{}, fmt.Errorf("tag %q points to a %s, not to a commit", name, object.Object.Type)
		}
	}
	return Tag{}, fmt.Errorf("tag %q is a tag of tags of tags", name)
}

// tagPage is how many tags one request lists, the most that the API gives.
const tagPage = 100

// TagNames returns the names of all git tags of the repository.
//
// https://docs.github.com/rest/repos/repos#list-repository-tags
func (c *Client) TagNames(ctx context.Context) ([]string, error) {
	var names []string
	for page := 1; page > 0; {
		var tags []struct{ Name string }
		path := fmt.Sprintf("%s?per_page=%d&page=%d", c.path("tags"), tagPage, page)
		resp, err := c.call(ctx, http.MethodGet, path, nil, &tags)
		if err != nil {
			return nil, wrap(err, "list the tags of %q", c.repository)
		}
		for _, tag := range tags {
			names = append(names, tag.Name)
		}
		page = resp.NextPage
	}
	return names, nil
}
