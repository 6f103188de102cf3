package actions_test

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/action"
)

// definition is a workflow or a composite action, as far as its safety depends on it.
type definition struct {
	On          any       `yaml:"on"`
	Permissions yaml.Node `yaml:"permissions"`
	Env         map[string]string
	Jobs        map[string]job `yaml:"jobs"`
	Runs        action.Runs    `yaml:"runs"`
}

type job struct {
	Uses        string             `yaml:"uses"`
	If          string             `yaml:"if"`
	Permissions yaml.Node          `yaml:"permissions"`
	Secrets     any                `yaml:"secrets"`
	Container   any                `yaml:"container"`
	Services    map[string]any     `yaml:"services"`
	Steps       []action.StepEntry `yaml:"steps"`
}

// steps are those of an action, or of all jobs.
func (d definition) steps() []action.StepEntry {
	all := slices.Clone(d.Runs.Steps)
	for _, j := range d.Jobs {
		all = append(all, j.Steps...)
		if j.Uses != "" {
			all = append(all, action.StepEntry{Uses: j.Uses})
		}
	}
	return all
}

// triggered reports whether one of the events starts the workflow.
func (d definition) triggered(events ...string) bool {
	switch on := d.On.(type) {
	case string:
		return slices.Contains(events, on)
	case []any:
		return slices.ContainsFunc(on, func(e any) bool { return slices.Contains(events, fmt.Sprint(e)) })
	case map[string]any:
		return slices.ContainsFunc(events, func(e string) bool { _, ok := on[e]; return ok })
	}
	return false
}

// releases reports whether the workflow makes what others run: it starts with a
// tag or a release.
func (d definition) releases() bool {
	on, ok := d.On.(map[string]any)
	if !ok {
		return false
	}
	push, ok := on["push"].(map[string]any)
	return ok && push["tags"] != nil || on["release"] != nil
}

var (
	pinnedUse   = regexp.MustCompile(`^(\./.*|docker://.+@sha256:[0-9a-f]{64}|[\w.-]+/[\w./-]+@[0-9a-f]{40})$`)
	ownUse      = regexp.MustCompile(`^org/release-actions(/[\w./-]+)?@v1$`)
	actorTest   = regexp.MustCompile(`github\.(triggering_)?actor\s*[=!]=`)
	unsoundTest = regexp.MustCompile(`contains\(\s*'[^']*'\s*,\s*(github|inputs|env)\.`)
	allSecrets  = regexp.MustCompile(`(?i)toJSON\(\s*secrets\s*\)|secrets\[`)
	workflowEnv = regexp.MustCompile(`>>?\s*"?\$\{?GITHUB_(ENV|PATH)`)
	cacheAction = regexp.MustCompile(`^(actions/cache|actions/setup-(go|node|python|java)|Swatinem/rust-cache|docker/setup-buildx-action)@`)
)

// audits are what zizmor looks for in files such as ours, by its names; each
// answers with what is wrong, or with nothing. Those that ask GitHub about other
// actions (impostor-commit, known-vulnerable-actions, ref-confusion) aren't here.
//
// https://docs.zizmor.sh/audits/
var audits = map[string]func(text string, d definition) string{
	"template-injection": func(_ string, d definition) string {
		for _, s := range d.steps() {
			for _, code := range []string{s.Run, s.With["script"]} {
				if strings.Contains(code, "${{") {
					return code
				}
			}
		}
		return ""
	},
	"unpinned-uses": func(_ string, d definition) string {
		for _, s := range d.steps() {
			if s.Uses != "" && !pinnedUse.MatchString(s.Uses) && !ownUse.MatchString(s.Uses) {
				return s.Uses
			}
		}
		return ""
	},
	"unpinned-images": func(_ string, d definition) string {
		for _, j := range d.Jobs {
			images := []any{j.Container}
			for _, service := range j.Services {
				images = append(images, service)
			}
			for _, image := range images {
				if image != nil && !strings.Contains(fmt.Sprint(image), "@sha256:") {
					return fmt.Sprint(image)
				}
			}
		}
		return ""
	},
	"excessive-permissions": func(_ string, d definition) string {
		if strings.HasSuffix(d.Permissions.Value, "-all") {
			return d.Permissions.Value
		}
		for name, j := range d.Jobs {
			if d.Permissions.IsZero() && j.Permissions.IsZero() || strings.HasSuffix(j.Permissions.Value, "-all") {
				return "job " + name
			}
		}
		return ""
	},
	"artipacked": func(_ string, d definition) string {
		for _, s := range d.steps() {
			if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
				return s.Uses
			}
		}
		return ""
	},
	"cache-poisoning": func(_ string, d definition) string {
		for _, s := range d.steps() {
			if d.releases() && cacheAction.MatchString(s.Uses) && s.With["cache"] != "false" {
				return s.Uses
			}
		}
		return ""
	},
	"dangerous-triggers": func(_ string, d definition) string {
		if d.triggered("pull_request_target", "workflow_run") {
			return fmt.Sprint(d.On)
		}
		return ""
	},
	"secrets-inherit": func(_ string, d definition) string {
		for name, j := range d.Jobs {
			if j.Secrets == "inherit" {
				return "job " + name
			}
		}
		return ""
	},
	"bot-conditions":          func(text string, _ definition) string { return actorTest.FindString(text) },
	"unsound-contains":        func(text string, _ definition) string { return unsoundTest.FindString(text) },
	"overprovisioned-secrets": func(text string, _ definition) string { return allSecrets.FindString(text) },
	"github-env":              func(text string, _ definition) string { return workflowEnv.FindString(text) },
	"insecure-commands":       func(text string, _ definition) string { return find(text, "ACTIONS_ALLOW_UNSECURE_COMMANDS") },
}

func find(text, word string) string {
	if strings.Contains(text, word) {
		return word
	}
	return ""
}

// audit names the audits that find something.
func audit(t *testing.T, text string) map[string]string {
	t.Helper()
	var d definition
	if err := yaml.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	found := map[string]string{}
	for name, look := range audits {
		if what := look(text, d); what != "" {
			found[name] = what
		}
	}
	return found
}

// TestHygiene audits every action, every workflow and every part of one that
// users see: they paste them.
func TestHygiene(t *testing.T) {
	t.Parallel()
	for _, s := range snippets(t) {
		for name, what := range audit(t, s.whole) {
			// A part of a workflow that shows a job without its permissions is about something else.
			if name != "excessive-permissions" || s.whole == s.text {
				t.Errorf("%s: %s: %s", s.where, name, what)
			}
		}
	}
	for _, file := range append(glob(t, "*/action.yml"), "../action.yml") {
		for name, what := range audit(t, read(t, file)) {
			t.Errorf("%s: %s: %s", file, name, what)
		}
	}
}

func TestHygieneFinds(t *testing.T) {
	t.Parallel()
	const step = "on: push\npermissions: {}\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n      - "
	for text, want := range map[string]string{
		step + "run: echo ${{ github.ref }}": "template-injection",
		step + "uses: actions/github-script@0123456789012345678901234567890123456789\n        with: { script: \"${{ inputs.x }}\" }": "template-injection",
		"runs:\n  using: composite\n  steps:\n    - run: echo ${{ inputs.x }}":                                                       "template-injection",
		step + "uses: acme/action@v1":                                                                  "unpinned-uses",
		step + "uses: org/release-actions@main":                                                        "unpinned-uses",
		step + "uses: docker://alpine:3":                                                               "unpinned-uses",
		"on: push\npermissions: {}\njobs: { x: { container: 'alpine:3', steps: [] } }":                 "unpinned-images",
		"on: push\npermissions: {}\njobs: { x: { services: { db: { image: postgres } }, steps: [] } }": "unpinned-images",
		"on: push\njobs: { x: { steps: [] } }":                                                         "excessive-permissions",
		"on: push\npermissions: write-all\njobs: { x: { steps: [] } }":                                 "excessive-permissions",
		step + "uses: actions/checkout@0123456789012345678901234567890123456789":                       "artipacked",
		strings.Replace(step, "push", "{ push: { tags: ['v*'] } }", 1) + "uses: actions/setup-go@0123456789012345678901234567890123456789": "cache-poisoning",
		"on: [pull_request_target]\npermissions: {}\njobs: {}":                                                                             "dangerous-triggers",
		"on: { workflow_run: {} }\npermissions: {}\njobs: {}":                                                                              "dangerous-triggers",
		"on: push\npermissions: {}\njobs: { x: { uses: ./x.yml, secrets: inherit } }":                                                      "secrets-inherit",
		step + "run: x\n        if: github.actor == 'dependabot[bot]'":                                                                     "bot-conditions",
		step + "run: x\n        if: contains('refs/heads/main refs/heads/x', github.ref)":                                                  "unsound-contains",
		step + "run: x\n        env: { ALL: \"${{ toJSON(secrets) }}\" }":                                                                  "overprovisioned-secrets",
		step + "run: echo \"X=y\" >> \"$GITHUB_ENV\"":                                                                                      "github-env",
		step + "run: x\n        env: { ACTIONS_ALLOW_UNSECURE_COMMANDS: true }":                                                            "insecure-commands",
	} {
		found := audit(t, text)
		if len(found) != 1 || found[want] == "" {
			t.Errorf("%s\nfound %v, want %s", text, found, want)
		}
	}
	if found := audit(t, step+"run: echo \"$REF\"\n        env: { REF: \"${{ github.ref }}\" }"); len(found) > 0 {
		t.Errorf("found %v in a good workflow", found)
	}
}

// TestDependabot keeps every update waiting, and every folder with dependencies
// in sight.
//
// https://docs.github.com/code-security/reference/supply-chain-security/dependabot-options-reference
func TestDependabot(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directories []string `yaml:"directories"`
			Cooldown    struct {
				Days int `yaml:"default-days"`
			} `yaml:"cooldown"`
		} `yaml:"updates"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "../.github/dependabot.yml")), &config); err != nil {
		t.Fatal(err)
	}
	watched := map[string][]string{}
	for _, u := range config.Updates {
		if u.Cooldown.Days < 7 {
			t.Errorf("%s: an update waits %d days, want 7", u.Ecosystem, u.Cooldown.Days)
		}
		watched[u.Ecosystem] = append(watched[u.Ecosystem], u.Directories...)
	}
	for ecosystem, patterns := range map[string][]string{
		"gomod":          {"../go.mod", "../*/*/go.mod", "../internal/devstack/tools/*/go.mod"},
		"github-actions": {"../action.yml", "*/action.yml"},
		"docker":         {"../examples/*/Dockerfile"},
	} {
		for _, pattern := range patterns {
			for _, file := range glob(t, pattern) {
				dir := filepath.ToSlash(filepath.Clean(filepath.Join("/actions", filepath.Dir(file))))
				if !slices.ContainsFunc(watched[ecosystem], func(d string) bool { ok, _ := path.Match(d, dir); return ok }) {
					t.Errorf("%s: %s is watched by no entry", ecosystem, dir)
				}
			}
		}
	}
}
