package metadata

import (
	"bytes"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/job"
)

// example is a block of docs/metadata.md that says what rules give.
type example struct {
	On          string // event and ref
	BaseRef     string `yaml:"base_ref"`
	Env         map[string]string
	Registry    string // tags that each image has
	Git         string // tags that the repository has
	Gives       string
	Refs        string
	Label       string
	Annotation  string
	Warns       string
	Fails       string
	Images      string
	Tags        string
	Flavor      string
	Labels      string
	Annotations string
	Version     string
	Strict      string
}

var exampleBlock = regexp.MustCompile("(?s)```yaml example\n(.*?)```")

func readExamples(t *testing.T) []example {
	t.Helper()
	text, err := os.ReadFile("../../../docs/metadata.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for _, block := range exampleBlock.FindAllSubmatch(text, -1) {
		var ex example
		decoder := yaml.NewDecoder(bytes.NewReader(block[1]))
		decoder.KnownFields(true)
		if err := decoder.Decode(&ex); err != nil {
			t.Fatalf("%v in\n%s", err, block[1])
		}
		all = append(all, ex)
	}
	return all
}

// execute runs an example, and returns its result and what it warned of.
func (ex example) execute(t *testing.T) (Result, string, error) {
	t.Helper()
	cfg, err := config(map[string]string{
		"images": ex.Images, "tags": ex.Tags, "flavor": ex.Flavor, "labels": ex.Labels, "annotations": ex.Annotations,
		"version": ex.Version, "strict": ex.Strict,
	})
	if err != nil {
		return Result{}, "", err
	}
	name, ref, _ := strings.Cut(ex.On, " ")
	payload := map[string]any{
		"base_ref":    ex.BaseRef,
		"repository":  map[string]any{"name": "app", "description": nil, "html_url": "https://github.com/acme/app", "default_branch": "main", "license": nil},
		"head_commit": map[string]any{"id": commit, "timestamp": "2023-12-31T23:05:09+01:00"},
	}
	there := releases{"": ex.Git}
	for _, image := range cfg.Images {
		there[image.Name] = ex.Registry
	}
	var log strings.Builder
	r, err := Run(t.Context(), cfg, Deps{
		Job:    job.Job{Repository: "acme/app", EventName: name, Ref: ref, Commit: commit, Event: payload},
		Getenv: func(name string) string { return ex.Env[name] }, Now: evening,
		GitHub: there, Registry: there,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	return r, strings.ReplaceAll(log.String(), `\"`, `"`), err
}

func TestTheExamplesOfTheDocumentation(t *testing.T) {
	t.Parallel()
	for _, ex := range readExamples(t) {
		if ex.Images == "" {
			ex.Images = "ghcr.io/acme/app"
		}
		r, log, err := ex.execute(t)
		at := ex.On + "\n" + ex.Tags + "\n" + ex.Flavor
		if ex.Fails != "" {
			if err == nil || !strings.Contains(err.Error(), ex.Fails) {
				t.Errorf("%s\n%v; want %q in it", at, err, ex.Fails)
			}
			continue
		}
		if got := strings.ReplaceAll(r.TagNames, "\n", " "); err != nil || got != ex.Gives {
			t.Errorf("%s\ngives %q, %v; want %q", at, got, err, ex.Gives)
		}
		if got := strings.ReplaceAll(r.Tags, "\n", " "); ex.Refs != "" && got != ex.Refs {
			t.Errorf("%s\ngives %q, want %q", at, got, ex.Refs)
		}
		if (ex.Warns == "") != (log == "") || !strings.Contains(log, ex.Warns) {
			t.Errorf("%s\nwarns %s; want %q in it", at, log, ex.Warns)
		}
		for want, list := range map[string]string{ex.Label: r.Labels, ex.Annotation: r.Annotations} {
			for line := range strings.Lines(want) {
				if !strings.Contains("\n"+list+"\n", "\n"+strings.TrimSpace(line)+"\n") {
					t.Errorf("%s\n%s\nwant %q in it", at, list, line)
				}
			}
		}
	}
}

func TestTheDocumentationHasAnExampleOfEverything(t *testing.T) {
	t.Parallel()
	var rules, flavors strings.Builder
	for _, ex := range readExamples(t) {
		rules.WriteString(ex.Tags + "\n")
		flavors.WriteString(ex.Flavor + "\n")
	}
	for _, name := range kindNames() {
		if !strings.Contains(rules.String(), "type="+name) {
			t.Errorf("no example of type=%s", name)
		}
	}
	for _, name := range attributeNames {
		if !strings.Contains(rules.String(), name+"=") {
			t.Errorf("no example of the attribute %s", name)
		}
	}
	for _, expression := range (&evaluator{}).expressions(t.Context()) {
		if !strings.Contains(rules.String(), "{{"+expression.Name) && !strings.Contains(rules.String(), expression.Name+"}}") {
			t.Errorf("no example of {{%s}}", expression.Name)
		}
	}
	for _, text := range []string{"latest=true", "latest=false", "latest=highest", "prefer=git", "prefix=", "suffix=", "onlatest=true"} {
		if !strings.Contains(flavors.String(), text) {
			t.Errorf("no example of %s", text)
		}
	}
}
