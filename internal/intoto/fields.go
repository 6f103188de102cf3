package intoto

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fields decodes parts of a JSON object by their paths, of which those with a
// question mark may be missing. Names are exact: encoding/json would take "Ref"
// for "ref".
func fields(data json.RawMessage, parts map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		path, optional := strings.CutPrefix(key, "?")
		at, ok, err := follow(data, strings.Split(path, "."))
		switch {
		case err != nil:
		case ok:
			err = json.Unmarshal(at, parts[key])
		case !optional:
			return fmt.Errorf("it has no %q", path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// follow returns what is at a path.
func follow(data json.RawMessage, path []string) (at json.RawMessage, ok bool, err error) {
	for _, name := range path {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(data, &fields); err != nil {
			return nil, false, err
		}
		if data, ok = fields[name]; !ok {
			return nil, false, nil
		}
	}
	return data, true, nil
}
