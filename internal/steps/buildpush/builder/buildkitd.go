package builder

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
)

// Mirror is a registry that is asked in the place of another one.
type Mirror struct {
	Host   string // canonical: see image.CanonicalHost
	Mirror string // host, with port and path where it has them
}

// mirrorName is a host, with a port and a path.
var mirrorName = regexp.MustCompile(`^[A-Za-z0-9.-]+(:\d+)?(/[\w./-]*)?$|^\[[0-9A-Fa-f:.]+\](:\d+)?(/[\w./-]*)?$`)

const mirrorShape = `write one "docker.io=mirror.example.com" a line`

// UnmarshalText parses "host=mirror".
func (m *Mirror) UnmarshalText(text []byte) error {
	host, mirror, ok := strings.Cut(string(text), "=")
	host, mirror = strings.TrimSpace(host), strings.TrimSpace(mirror)
	switch {
	case ok && strings.Contains(host+mirror, "://"):
		return hint.Wrap(fmt.Errorf("%q has a scheme", text),
			`leave it out; a mirror without TLS is told apart in "buildkitd-config-inline": [registry."mirror.example.com"], http = true`)
	case !ok || !mirrorName.MatchString(host) || !mirrorName.MatchString(mirror):
		return hint.Wrap(fmt.Errorf("%q is not host=mirror", text), mirrorShape)
	}
	*m = Mirror{Host: image.CanonicalHost(host), Mirror: strings.TrimSuffix(mirror, "/")}
	return nil
}

// buildkitdConfig returns the path of the configuration for buildkitd, or ""
// where it needs none. What isn't a file yet becomes one in dir. fallback is
// the user's default one.
//
// https://docs.docker.com/build/buildkit/toml-configuration/
func (c Config) buildkitdConfig(dir, fallback string) (string, error) {
	if c.driver() == Remote {
		return "", nil
	}
	path, source := c.File, `input "buildkitd-config"`
	if path == "" {
		path, source = fallback, fmt.Sprintf("%q", fallback)
	}
	text := []byte(c.Inline)
	switch {
	case c.Inline != "":
		source = `input "buildkitd-config-inline"`
	case path != "":
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return "", hint.Wrap(fmt.Errorf("%s: %w", source, err), "name a file, from the working directory; check out the repository before this step")
		}
	case len(c.Mirrors) == 0:
		return "", nil
	}
	merged, err := withMirrors(text, c.Mirrors)
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	if c.Inline == "" && len(c.Mirrors) == 0 {
		return path, nil
	}
	path = filepath.Join(dir, "buildkitd.toml")
	return path, os.WriteFile(path, merged, 0o600) //nolint:gosec // in our own directory
}

// withMirrors returns the TOML with mirrors put before those that it has. It
// is parsed in any case: buildx would copy a broken one into a container that
// then doesn't start.
func withMirrors(text []byte, mirrors []Mirror) ([]byte, error) {
	config := map[string]any{}
	if err := toml.Unmarshal(text, &config); err != nil {
		return nil, hint.Wrap(fmt.Errorf("it is not TOML: %w", err), "see docs.docker.com/build/buildkit/toml-configuration")
	}
	if len(mirrors) == 0 {
		return text, nil
	}
	registries, err := table(config, "registry")
	if err != nil {
		return nil, err
	}
	ours := map[string][]any{}
	for _, m := range mirrors {
		ours[m.Host] = append(ours[m.Host], m.Mirror)
	}
	for host, list := range ours {
		registry, err := table(registries, host)
		if err != nil {
			return nil, fmt.Errorf("registry: %w", err)
		}
		theirs, ok := registry["mirrors"].([]any)
		if !ok && registry["mirrors"] != nil {
			return nil, fmt.Errorf("registry.%q: mirrors is not a list", host)
		}
		registry["mirrors"] = append(list, theirs...)
	}
	var out bytes.Buffer
	err = toml.NewEncoder(&out).Encode(config)
	return out.Bytes(), err
}

// table returns the table of that name, which is made where there is none.
func table(parent map[string]any, name string) (map[string]any, error) {
	if parent[name] == nil {
		parent[name] = map[string]any{}
	}
	t, ok := parent[name].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%q is not a table", name)
	}
	return t, nil
}
