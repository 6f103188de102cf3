package dockerhub

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/org/release-actions/internal/webapi"
)

// Repositories lists the names of the repositories of a user or an
// organisation, without that, as far as the login may see them.
func (c *Client) Repositories(ctx context.Context, namespace string) ([]string, error) {
	var names []string
	for page := 1; ; page++ {
		var answer struct {
			Next    string                  `json:"next"`
			Results []struct{ Name string } `json:"results"`
		}
		err := c.call(ctx, webapi.Request{
			Method: http.MethodGet, Path: "/v2/namespaces/" + url.PathEscape(namespace) + "/repositories",
			Query: url.Values{"page_size": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)}},
		}, &answer)
		if err != nil {
			return nil, fmt.Errorf("list the repositories of %q: %w", namespace, err)
		}
		for _, r := range answer.Results {
			names = append(names, r.Name)
		}
		if answer.Next == "" {
			return names, nil
		}
	}
}
