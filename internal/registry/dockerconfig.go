package registry

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// DockerConfig returns a config.json for docker and BuildKit: the existing
// one, which may be empty, with c's logins in the place of its own for the
// same hosts. All else in it stays.
//
// https://docs.docker.com/reference/cli/docker/#docker-cli-configuration-file-configjson-properties
func DockerConfig(c Credentials, existing []byte) ([]byte, error) {
	config := map[string]json.RawMessage{}
	auths := map[string]json.RawMessage{}
	helpers := map[string]string{}
	var store string
	if err := decodeConfig(existing, &config, &auths, &helpers, &store); err != nil {
		return nil, err
	}
	logins := c.logins()
	ours := func(key string) bool { _, ok := logins[image.CanonicalHost(key)]; return key != "" && ok }
	maps.DeleteFunc(auths, func(key string, _ json.RawMessage) bool { return ours(key) })
	maps.DeleteFunc(helpers, func(key string, _ string) bool { return ours(key) })
	for _, host := range slices.Sorted(maps.Keys(logins)) {
		l := logins[host]
		entry, err := json.Marshal(map[string][]byte{"auth": []byte(l.user + ":" + l.password.Reveal())})
		if err != nil {
			return nil, err
		}
		auths[configKey(host)] = entry
		if store != "" {
			// A store is asked before auths, unless the host has a helper of
			// its own; an empty one is none.
			helpers[configKey(host)] = ""
		}
	}
	for key, value := range map[string]any{"auths": auths, "credHelpers": helpers} {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		if config[key] = raw; string(raw) == "{}" {
			delete(config, key)
		}
	}
	return json.MarshalIndent(config, "", "\t")
}

func decodeConfig(text []byte, config, auths *map[string]json.RawMessage, helpers *map[string]string, store *string) error {
	if len(text) == 0 {
		return nil
	}
	parts := []struct {
		key  string
		into any
	}{{"", config}, {"auths", auths}, {"credHelpers", helpers}, {"credsStore", store}}
	for _, part := range parts {
		raw := json.RawMessage(text)
		if part.key != "" {
			raw = (*config)[part.key]
		}
		if raw == nil || string(raw) == "null" {
			continue
		}
		if err := json.Unmarshal(raw, part.into); err != nil {
			// The library's error may quote a password.
			return hint.New("docker's config.json is not what docker writes", "mend or remove it, then log in anew")
		}
	}
	return nil
}
