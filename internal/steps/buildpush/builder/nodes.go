package builder

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/lines"
)

// Node is one BuildKit of a builder.
type Node struct {
	Name       string
	Endpoint   string
	DriverOpts []string
	Flags      string
	// Platforms are what the node is used for before all others.
	Platforms []image.Platform
}

// Nodes is the input append: a YAML list of mappings with the keys name,
// endpoint, driver-opts, buildkitd-flags and platforms, as
// docker/setup-buildx-action takes it. Lists may be written as lists, or as
// text with commas (platforms) or line breaks.
type Nodes []Node

const nodeShape = `write a list such as "- endpoint: tcp://arm.example.com:1234", with "platforms: linux/arm64" under it`

// UnmarshalText parses the YAML. Options of a driver may hold secrets, so that
// its errors tell lines and keys, and no values but platforms.
func (l *Nodes) UnmarshalText(text []byte) error {
	var nodes Nodes
	err := lines.Mappings(text, nodeShape, func(item *yaml.Node) error {
		n, err := parseNode(item)
		nodes = append(nodes, n)
		return err
	})
	*l = nodes
	return err
}

func parseNode(item *yaml.Node) (n Node, err error) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		if seen[key.Value] {
			return Node{}, fmt.Errorf("line %d: %s is given twice", key.Line, key.Value)
		}
		switch key.Value {
		case "name":
			n.Name, err = plain(key, value)
		case "endpoint":
			n.Endpoint, err = plain(key, value)
		case "buildkitd-flags":
			n.Flags, err = plain(key, value)
		case "driver-opts":
			n.DriverOpts, err = list(key, value, "\n")
		case "platforms":
			n.Platforms, err = parsePlatforms(key, value)
		default:
			err = hint.New(fmt.Sprintf("line %d has a key that is not name, endpoint, driver-opts, buildkitd-flags or platforms", key.Line), nodeShape)
		}
		if err != nil {
			return Node{}, err
		}
		seen[key.Value] = true
	}
	return n, nil
}

func plain(key, value *yaml.Node) (string, error) {
	if value.Kind != yaml.ScalarNode {
		return "", hint.New(fmt.Sprintf("line %d: %s is not plain text", value.Line, key.Value), nodeShape)
	}
	if value.Tag == "!!null" {
		return "", nil
	}
	return strings.TrimSpace(value.Value), nil
}

// list returns the items of a YAML list, or those of a text between separators.
func list(key, value *yaml.Node, separators string) (items []string, err error) {
	values := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		values, separators = value.Content, "\n"
	}
	for _, v := range values {
		text, err := plain(key, v)
		if err != nil {
			return nil, err
		}
		for _, item := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	}
	return items, nil
}

func parsePlatforms(key, value *yaml.Node) (platforms []image.Platform, err error) {
	names, err := list(key, value, ",\n")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		p, err := image.ParsePlatform(name)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", value.Line, err)
		}
		platforms = append(platforms, p)
	}
	return platforms, nil
}
