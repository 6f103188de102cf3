package actions_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// snippet is a workflow, or a part of one, that users see.
type snippet struct {
	where string // file:line
	text  string // as written
	whole string // completed to a workflow
}

// ownForm are files whose YAML is no part of a workflow; a test of their own reads it.
var ownForm = []string{"../docs/metadata.md"}

var fence = regexp.MustCompile("(?ms)^( *)```ya?ml\n(.*?)^ *```$")

// snippets are the workflows of this repository and of its examples, and all that
// its pages show of a workflow.
func snippets(t *testing.T) []snippet {
	t.Helper()
	var all []snippet
	for _, pattern := range []string{"../.github/workflows/*.yml", "../examples/workflows/*.yml"} {
		for _, path := range glob(t, pattern) {
			text := read(t, path)
			all = append(all, snippet{path, text, text})
		}
	}
	for _, path := range pages(t) {
		if slices.Contains(ownForm, path) {
			continue
		}
		page := read(t, path)
		for _, at := range fence.FindAllStringSubmatchIndex(page, -1) {
			s := snippet{where: fmt.Sprintf("%s:%d", path, 1+strings.Count(page[:at[0]], "\n"))}
			s.text = dedent(page[at[4]:at[5]], at[3]-at[2])
			whole, ok := complete(t, s)
			if !ok {
				continue
			}
			s.whole = whole
			all = append(all, s)
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d workflows were found", len(all))
	}
	return all
}

// pages are the Markdown files that users read.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, root := range []string{"../README.md", "../CONTRIBUTING.md", "../SECURITY.md", "../docs", "../examples", "."} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".md") {
				found = append(found, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

func dedent(text string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(line[min(by, len(line)-len(strings.TrimLeft(line, " "))):])
	}
	return b.String()
}

// complete makes a workflow of the part that a page shows of one. What is no
// part of a workflow, such as a policy of Kubernetes', says so by its keys.
func complete(t *testing.T, s snippet) (whole string, ok bool) {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(s.text), &node); err != nil || len(node.Content) == 0 {
		t.Errorf("%s: no YAML: %v", s.where, err)
		return "", false
	}
	const event, permissions, steps = "on: push\n", "permissions: {}\n", "jobs:\n  snippet:\n    runs-on: ubuntu-latest\n    steps:\n"
	root := node.Content[0]
	if root.Kind == yaml.SequenceNode {
		return event + permissions + steps + indent(earlier(s.text)+s.text, 6), true
	}
	has := func(key string) bool {
		return slices.ContainsFunc(root.Content, func(n *yaml.Node) bool { return n.Value == key })
	}
	switch {
	case has("apiVersion"), has("version"): // Kubernetes and compose, Dependabot
		return "", false
	case has("on") && has("jobs"):
		return s.text, true
	case has("jobs"):
		return event + s.text, true
	case has("steps"):
		return event + "jobs:\n  snippet:\n    runs-on: ubuntu-latest\n" + indent(strings.Replace(s.text, "steps:\n", "steps:\n"+indent(earlier(s.text), 2), 1), 4), true
	case has("on"):
		return s.text + permissions + steps + "      - run: \"true\"\n", true
	case has("permissions"), has("concurrency"):
		return event + s.text + steps + "      - run: \"true\"\n", true
	case has("with"):
		return event + permissions + steps + "      - uses: org/release-actions@v1\n" + indent(with(s.text), 8), true
	}
	return event + permissions + steps + "      - uses: org/release-actions@v1\n        with:\n" + indent(with("  images: ghcr.io/acme/app\n"+indent(s.text, 2)), 8), true
}

// with gives the root action the one input that it can't be without.
func with(text string) string {
	if strings.Contains(text, "images:") {
		return text
	}
	return regexp.MustCompile(`(?m)^with:.*\n`).ReplaceAllString(text, "with:\n  images: ghcr.io/acme/app\n")
}

// earlier are the steps that a snippet takes outputs of and doesn't show.
func earlier(text string) string {
	var b strings.Builder
	for _, step := range []struct{ id, uses string }{
		{"metadata", "metadata"}, {"meta", "metadata"}, {"build", "build-push"}, {"sbom", "sbom"}, {"sign", "sign"}, {"attest", "attest"}, {"scan", "scan"}, {"promote", "promote"},
	} {
		if strings.Contains(text, "steps."+step.id+".") && !strings.Contains(text, "id: "+step.id+"\n") {
			fmt.Fprintf(&b, "- uses: org/release-actions/actions/%s@v1\n  id: %s\n  with: { images: ghcr.io/acme/app }\n", step.uses, step.id)
		}
	}
	return b.String()
}

func indent(text string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(strings.Repeat(" ", by))
		}
		b.WriteString(line)
	}
	return b.String()
}
