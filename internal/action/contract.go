package action

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Contract is what an action.yml says: names, defaults and descriptions.
//
// https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax
type Contract struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Inputs      Params `yaml:"inputs"`
	Outputs     Params `yaml:"outputs"`
	Runs        Runs   `yaml:"runs"`
}

// Runs is the part of an action.yml that says what is executed.
type Runs struct {
	Using string      `yaml:"using"`
	Steps []StepEntry `yaml:"steps"`
}

// StepEntry is one step of a composite action.
type StepEntry struct {
	ID    string            `yaml:"id"`
	Name  string            `yaml:"name"`
	If    string            `yaml:"if"`
	Uses  string            `yaml:"uses"`
	With  map[string]string `yaml:"with"`
	Shell string            `yaml:"shell"`
	Env   map[string]string `yaml:"env"`
	Run   string            `yaml:"run"`
}

// Param is an input or an output.
type Param struct {
	Name        string
	Description string `yaml:"description"`
	Required    bool   `yaml:"required"`
	Default     string `yaml:"default"`
	Value       string `yaml:"value"`
}

// Params are inputs or outputs in the order of the file.
type Params []Param

// UnmarshalYAML reads a mapping of names to parameters and keeps its order.
func (p *Params) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: not a mapping", node.Line)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		param := Param{Name: node.Content[i].Value}
		if err := node.Content[i+1].Decode(&param); err != nil {
			return fmt.Errorf("%s: %w", param.Name, err)
		}
		*p = append(*p, param)
	}
	return nil
}

// Get returns the parameter with the given name, and whether there is one.
func (p Params) Get(name string) (Param, bool) {
	for _, param := range p {
		if param.Name == name {
			return param, true
		}
	}
	return Param{}, false
}

// Literal returns the default as a step sees it outside of a workflow, where
// an expression has no value.
func (p Param) Literal() string {
	if strings.Contains(p.Default, "${{") {
		return ""
	}
	return p.Default
}

// ParseContract reads an action.yml.
func ParseContract(text []byte) (Contract, error) {
	var c Contract
	if err := yaml.Unmarshal(text, &c); err != nil {
		return Contract{}, fmt.Errorf("action.yml: %w", err)
	}
	return c, nil
}
