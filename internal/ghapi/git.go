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

// maxTagDepth bounds how many tags of tags are followed.
const maxTagDepth = 5

// Tag resolves a tag to its commit; ErrNotFound where there is no such tag.
//
// https://docs.github.com/rest/git/refs#get-a-reference
func (c *Client) Tag(ctx context.Context, name string) (Tag, error) {
	var object struct {
		Object struct{ Type, SHA string }
	}
	// The slashes of a tag's name must stay slashes here.
	segments := strings.Split(name, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	if _, err := c.call(ctx, http.MethodGet, c.path("git", "ref", "tags")+"/"+strings.Join(segments, "/"), nil, &object); err != nil {
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
