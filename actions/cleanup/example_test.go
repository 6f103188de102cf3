package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/action"
	"github.com/org/release-actions/internal/action/actiontest"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/retention"
	"github.com/org/release-actions/internal/retention/retentiontest"
	"github.com/org/release-actions/internal/steps/cleanup"
)

var now = time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)

// decode returns what the step is asked to do by the inputs under "with:".
func decode(t *testing.T, with map[string]string) cleanup.Config {
	t.Helper()
	env := map[string]string{}
	for _, input := range actiontest.Load(t, "action.yml").Inputs {
		env[action.Variable(input.Name)] = strings.ReplaceAll(input.Default, "${{ github.token }}", "token")
	}
	for name, value := range with {
		if env[action.Variable(name)] == "" {
			if _, known := env[action.Variable(name)]; !known {
				t.Fatalf("there is no input %q", name)
			}
		}
		env[action.Variable(name)] = strings.NewReplacer("${{ github.repository }}", "acme/app", "${{ inputs.dry-run || false }}", "false", "${{ runner.temp }}", t.TempDir()).Replace(value)
	}
	var got cleanup.Config
	var out bytes.Buffer
	code := action.Run(t.Context(), "cleanup", contract, action.Process{Getenv: func(name string) string { return env[name] }, Stdout: &out, Stderr: &out},
		func(_ context.Context, _ *action.Runtime, cfg cleanup.Config) (cleanup.Result, error) {
			got = cfg
			return cleanup.Result{}, nil
		})
	if code != 0 {
		t.Fatalf("%v is refused: %s", with, &out)
	}
	return got
}

// quiet is a repository in which nothing happens but what the step does.
type quiet struct{ *retentiontest.Registry }

func (r quiet) Repositories(context.Context, string) ([]image.Repository, error) { return nil, nil }
func (r quiet) List(context.Context, image.Repository) (retention.Inventory, error) {
	return r.Inventory(), nil
}
func (r quiet) Blobs(context.Context, image.Repository, []image.Digest) map[image.Digest][]retention.Blob {
	return nil
}
func (r quiet) Recheck(context.Context, image.Repository, retention.Version) (string, error) {
	return "", nil
}
func (r quiet) Delete(_ context.Context, _ image.Repository, v retention.Version) error {
	r.Registry.Delete(v.Digest)
	return nil
}
func (r quiet) Restore(context.Context, image.Repository, retention.Version) error { return nil }

// aYear is a repository with a release each month, two pre-releases before it,
// and a build of a branch each week, all for two platforms and signed.
func aYear(t *testing.T) *retentiontest.Registry {
	t.Helper()
	repository, err := image.ParseRepository("ghcr.io/acme/app")
	if err != nil {
		t.Fatal(err)
	}
	r := retentiontest.New(repository, now)
	build := func(age int, tags ...string) {
		name := fmt.Sprint(age, tags)
		name = strings.ReplaceAll(name, " ", "")
		script := "sig% T ^idx%\npsig% T @amd%.sig\nidx% T >amd% >arm% >att%~amd%"
		for _, tag := range tags {
			script += " #" + tag
		}
		retentiontest.Script(t, r, strings.NewReplacer("%", name, "T", fmt.Sprint(age, "d")).Replace(script+"\natt% T\namd% T\narm% T"))
	}
	for week := 52; week > 0; week-- {
		if week%4 == 0 {
			minor := 13 - week/4
			build(week*7+2, fmt.Sprintf("1.%d.0-rc.1", minor))
			build(week*7+1, fmt.Sprintf("v1.%d.0-rc.2", minor))
			build(week*7, fmt.Sprintf("v1.%d.0", minor), fmt.Sprintf("1.%d.0", minor), "latest")
		}
		build(week*7-3, "edge") // the one before loses the tag
		build(week*7-4, fmt.Sprintf("branch-%d", week))
	}
	return r
}

// The example holds the three rules that the workflow used to have.
func TestTheExampleKeepsWhatTheOldRulesKeptAndMore(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../examples/workflows/cleanup.yml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Jobs map[string]struct {
			Steps []action.StepEntry `yaml:"steps"`
		} `yaml:"jobs"`
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	want := []struct{ gone, stays *regexp.Regexp }{
		// Of 26 pre-releases the five newest stay; nothing else with a tag goes.
		{regexp.MustCompile(`^(1\.(\d|10)\.0-rc\.1|v1\.\d\.0-rc\.2)$`), regexp.MustCompile(`^(1\.1[12]|v1\.1[0-2]|v?1\.\d+\.0$|branch|edge|latest)`)},
		// What is older than 90 days goes, but latest.
		{regexp.MustCompile(`^(v?1\.\d\.0|branch-([2-5]\d|1[4-9])$)`), regexp.MustCompile(`^(v?1\.1[012]\.0$|branch-\d$|edge|latest)`)},
	}
	ran := 0
	for _, step := range workflow.Jobs["cleanup"].Steps {
		if !strings.HasPrefix(step.Uses, "org/release-actions/actions/cleanup@") {
			continue
		}
		r := aYear(t)
		named, before := r.Named(), map[image.Digest]map[image.Digest]bool{}
		for _, d := range r.Digests() {
			before[d] = r.Pull(d)
		}
		cfg := decode(t, step.With)
		cfg.MaxDelete = retention.Limit{Number: 100, Share: true}
		var out bytes.Buffer
		_, err := cleanup.Run(t.Context(), cfg, cleanup.Deps{
			Backend: quiet{r}, TempDir: t.TempDir(), Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&out, nil)), Out: &out,
		})
		if err != nil {
			t.Fatal(err)
		}
		left := r.Named()
		for _, tag := range slices.Sorted(maps.Keys(named)) {
			_, there := left[tag]
			switch {
			case there && want[ran].gone.MatchString(tag):
				t.Errorf("%s: %s is still there", step.With["images"], tag)
			case !there && want[ran].stays.MatchString(tag):
				t.Errorf("%s: %s is gone", step.With["images"], tag)
			case there && r.Broken(left[tag], before[left[tag]]) != nil:
				t.Errorf("%s: %s: %v", step.With["images"], tag, r.Broken(left[tag], before[left[tag]]))
			}
		}
		// An image has six versions, all of which go with it.
		images := func(named map[string]image.Digest) int {
			return len(slices.Compact(slices.Sorted(maps.Values(named))))
		}
		if gone := images(named) - images(left); gone < 5 || len(before)-len(r.Digests()) < 6*gone {
			t.Errorf("%s: %d images and %d versions are gone", step.With["images"], gone, len(before)-len(r.Digests()))
		}
		ran++
	}
	if ran != len(want) {
		t.Errorf("%d steps ran", ran)
	}
}

// What the other action made of the first rule: all but the ten newest versions
// without a tag went, and with them platforms and signatures of what had one.
func TestDeletingUntaggedBreaksTheSameRepository(t *testing.T) {
	t.Parallel()
	r := aYear(t)
	named, before := r.Named(), map[image.Digest]map[image.Digest]bool{}
	for _, d := range named {
		before[d] = r.Pull(d)
	}
	var untagged []image.Digest
	for _, d := range r.Digests() {
		if len(r.Version(d).Tags) == 0 {
			untagged = append(untagged, d)
		}
	}
	for _, d := range untagged[:len(untagged)-10] {
		r.Delete(d)
	}
	broken := 0
	for _, d := range named {
		if r.Broken(d, before[d]) != nil {
			broken++
		}
	}
	if broken < len(named)/2 {
		t.Errorf("%d of %d tags are broken", broken, len(named))
	}
}

// Each line of the guide's table is what the step takes.
func TestTheGuidesRulesAreTaken(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/cleanup.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| you want | write |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	quoted := regexp.MustCompile("`([^`]+)`")
	lines := strings.Split(table, "\n")
	for _, line := range lines {
		cells := strings.Split(line, "|")
		with := map[string]string{"images": "ghcr.io/acme/app"}
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			var pair map[string]string
			if err := yaml.Unmarshal([]byte(strings.ReplaceAll(m[1], "…", strings.Repeat("a", 64))), &pair); err != nil {
				t.Errorf("%s: %v", m[1], err)
			}
			maps.Copy(with, pair)
		}
		decode(t, with)
	}
	if len(lines) < 7 {
		t.Errorf("%d lines were found", len(lines))
	}
}
