package openapi

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Reduce returns a description of the paths that keep matches, with the
// components that they refer to: a large one takes seconds to load.
func Reduce(text []byte, keep *regexp.Regexp) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	paths := map[string]any{}
	all, _ := doc["paths"].(map[string]any)
	for path, item := range all {
		if keep.MatchString(path) {
			paths[path] = item
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("the description has none of the paths %s", keep)
	}
	r := reducer{doc, map[string]map[string]any{}}
	if err := r.follow(paths); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"openapi": doc["openapi"], "info": doc["info"], "paths": paths, "components": r.components})
}

// reducer collects components by kind and name.
type reducer struct {
	doc        map[string]any
	components map[string]map[string]any
}

// follow keeps what value refers to, and what that refers to.
func (r *reducer) follow(value any) error {
	switch value := value.(type) {
	case map[string]any:
		if ref, ok := value["$ref"].(string); ok {
			return r.keep(ref)
		}
		for _, v := range value {
			if err := r.follow(v); err != nil {
				return err
			}
		}
	case []any:
		for _, v := range value {
			if err := r.follow(v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reducer) keep(ref string) error {
	kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
	if _, known := r.components[kind][name]; known {
		return nil
	}
	all, _ := r.doc["components"].(map[string]any)
	some, _ := all[kind].(map[string]any)
	component, ok := some[name]
	if !ok {
		return fmt.Errorf("the description has no %s", ref)
	}
	if r.components[kind] == nil {
		r.components[kind] = map[string]any{}
	}
	r.components[kind][name] = component
	return r.follow(component)
}
