package openapi

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// path is one path of a description, such as /repos/{owner}/{repo}.
type path struct {
	template string
	pattern  *regexp.Regexp // of an escaped path; a group for each parameter
	names    []string       // of the parameters
	item     *openapi3.PathItem
}

var parameter = regexp.MustCompile(`\\\{([^}]+)\\\}`)

// compile returns the paths in the order in which they are looked at: what is
// written out comes before a parameter, since "{" comes after all letters.
func compile(all *openapi3.Paths) (paths []path) {
	for _, template := range slices.Sorted(maps.Keys(all.Map())) {
		item := all.Value(template)
		var names []string
		pattern := parameter.ReplaceAllStringFunc(regexp.QuoteMeta(template), func(quoted string) string {
			name := strings.Trim(quoted, `\{}`)
			names = append(names, name)
			if severalSegments(item, name) {
				return `(.+)`
			}
			return `([^/]+)`
		})
		paths = append(paths, path{template, regexp.MustCompile("^" + pattern + "$"), names, item})
	}
	return paths
}

// severalSegments reports whether a parameter may have slashes, as GitHub's
// description says of a ref.
func severalSegments(item *openapi3.PathItem, name string) bool {
	for _, operation := range item.Operations() {
		if p := operation.Parameters.GetByInAndName(openapi3.ParameterInPath, name); p != nil && p.Extensions["x-multi-segment"] == true {
			return true
		}
	}
	return false
}

// find returns the operation that a request is for, nil for none, and the
// parameters in its path.
func (d *Description) find(r *http.Request) (*routers.Route, map[string]string) {
	for _, p := range d.paths {
		found := p.pattern.FindStringSubmatch(r.URL.EscapedPath())
		operation := p.item.Operations()[r.Method]
		if found == nil || operation == nil {
			continue
		}
		params := map[string]string{}
		for i, name := range p.names {
			params[name] = found[i+1]
			if value, err := url.PathUnescape(found[i+1]); err == nil {
				params[name] = value
			}
		}
		return &routers.Route{Spec: d.doc, Path: p.template, PathItem: p.item, Method: r.Method, Operation: operation}, params
	}
	return nil, nil
}
