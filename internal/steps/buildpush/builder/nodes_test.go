package builder

import (
	"fmt"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/hint"
)

func TestAppendIsReadAsItsPeerReadsIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":     `[]`,
		"null": `[]`,
		"- endpoint: \"ssh://me@one.example.com\"\n- endpoint: two\n  name: second":                                                                                 `[{ ssh://me@one.example.com []  []} {second two []  []}]`,
		"- name: arm\n  endpoint: tcp://arm:1234\n  platforms: linux/arm64,linux/arm/v7\n  buildkitd-flags: --debug\n  driver-opts:\n    - env.A=1,2\n    - key=/k": `[{arm tcp://arm:1234 [env.A=1,2 key=/k] --debug [linux/arm64 linux/arm/v7]}]`,
		"- platforms: [linux/arm64, linux/arm]\n  driver-opts: |\n    a=1\n    b=2\n":                                                                               `[{  [a=1 b=2]  [linux/arm64 linux/arm/v7]}]`,
		"- name:\n": `[{  []  []}]`,
	} {
		var nodes Nodes
		if err := nodes.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got := fmt.Sprint([]Node(nodes)); got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestAppendThatIsNoListOfNodes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"endpoint: tcp://a:1":                                      "line 1 is not a list item",
		"- tcp://planted-secret":                                   "line 1 is not a mapping",
		"- endpoint: a\n  driver-opt: planted-secret=1":            "line 2 has a key that is not name",
		"- endpoint: [planted-secret]":                             "line 1: endpoint is not plain text",
		"- driver-opts:\n    env: planted-secret":                  "line 2: driver-opts is not plain text",
		"- driver-opts:\n    - [planted-secret]":                   "line 2: driver-opts is not plain text",
		"- name: a\n  name: b":                                     "line 2: name is given twice",
		"- platforms: linux":                                       `line 1: platform "linux" is not os/arch[/variant]`,
		"- name: \"planted-secret\n- x":                            "is not YAML",
		"- name: a\n---\n- name: b":                                "more than one YAML document",
		"- endpoint: a\n  driver-opts: x=1\n oops: planted-secret": "is not YAML",
	} {
		var nodes Nodes
		err := nodes.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
			continue
		}
		if all := err.Error() + strings.Join(hint.Of(err), ""); strings.Contains(all, "planted-secret") {
			t.Errorf("%q: shown in %q", text, all)
		}
	}
}

func FuzzNodes(f *testing.F) {
	f.Add("- name: arm\n  endpoint: tcp://arm:1234\n  platforms: linux/arm64,linux/arm/v7\n  driver-opts: [a=1]\n")
	f.Add("- driver-opts: |\n    a=1\n")
	f.Add("- &a {name: x}\n- *a\n")
	f.Add("- <<: {name: x}\n")
	f.Fuzz(func(t *testing.T, text string) {
		var nodes Nodes
		if err := nodes.UnmarshalText([]byte(text)); err != nil {
			return
		}
		// What was accepted makes command lines, whatever is in it.
		cfg := Config{Append: nodes}
		if cfg.Validate() == nil && len(cfg.create("x", "")) != len(nodes)+1 {
			t.Errorf("%d nodes of %q", len(nodes), text)
		}
	})
}
