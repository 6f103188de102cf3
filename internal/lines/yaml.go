package lines

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/hint"
)

var yamlLine = regexp.MustCompile(`line \d+`)

// Mappings reads a YAML list of mappings and calls visit with each. It returns
// all errors; a text with nothing in it is an empty list. Since a slip in the
// syntax can put a secret anywhere, its errors tell lines and nothing of what is
// written there. shape is their mend: what the list should look like.
//
// https://yaml.org/spec/1.2.2/
func Mappings(text []byte, shape string, visit func(item *yaml.Node) error) error {
	var document, rest yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		// The library's messages quote the text.
		where := yamlLine.FindString(err.Error())
		if where == "" {
			where = "the text"
		}
		return hint.New(where+" is not YAML", "%s", shape)
	}
	if err := decoder.Decode(&rest); !errors.Is(err, io.EOF) {
		return hint.New("there is more than one YAML document", "%s", shape)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.SequenceNode {
		return hint.New(fmt.Sprintf("line %d is not a list item", root.Line), "%s", shape)
	}
	var errs []error
	for _, item := range root.Content {
		if item.Kind != yaml.MappingNode {
			errs = append(errs, hint.New(fmt.Sprintf("line %d is not a mapping", item.Line), "%s", shape))
			continue
		}
		errs = append(errs, visit(item))
	}
	return errors.Join(errs...)
}
