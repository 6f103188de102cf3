//go:build e2e

package rehearsal_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// theOldRules is the example of a cleanup, without what only GitHub can run, for
// two repositories.
func theOldRules(t *testing.T, ghcr, hub string) func(string) string {
	t.Helper()
	var workflow map[string]any
	text := strings.NewReplacer("ghcr.io/${{ github.repository }}", ghcr, "docker.io/${{ github.repository }}", hub).
		Replace(readFile(t, filepath.Join(source, "examples/workflows/cleanup.yml")))
	if err := yaml.Unmarshal([]byte(text), &workflow); err != nil {
		t.Fatal(err)
	}
	job := workflow["jobs"].(map[string]any)["cleanup"].(map[string]any)
	job["steps"] = slices.DeleteFunc(job["steps"].([]any), func(step any) bool {
		uses, _ := step.(map[string]any)["uses"].(string)
		return strings.HasPrefix(uses, "actions/")
	})
	edited, err := yaml.Marshal(workflow)
	if err != nil {
		t.Fatal(err)
	}
	return func(string) string { return string(edited) }
}

func byHand(dryRun bool) rehearsal.Event {
	return rehearsal.Event{Name: "workflow_dispatch", Ref: "refs/heads/main", Payload: map[string]any{"inputs": map[string]any{"dry-run": fmt.Sprint(dryRun)}}}
}

// TestCleanup runs the old workflow's rules, through the action, on a year's
// releases in both registries.
func TestCleanup(t *testing.T) {
	builds := aYear()
	o := pushYear(t, builds, "ghcr.io/acme/aged", "docker.io/acme/aged")
	before := map[string][]string{}
	for _, repository := range o.repositories {
		before[repository] = tags(t, repository)
	}
	copied := copyYear(t, o)

	s := stage(t, theOldRules(t, o.repositories[0], o.repositories[1]))
	out := succeed(t, s, rehearsal.Trial{Event: byHand(true)})
	if !strings.Contains(out.Log, "dry run") || !strings.Contains(out.Summary, "dry run") {
		t.Errorf("nothing says that it was a dry run:\n%s\n%s", out.Log, out.Summary)
	}
	for _, repository := range o.repositories {
		if after := tags(t, repository); !slices.Equal(after, before[repository]) {
			t.Errorf("a dry run leaves %s with %v of %v", repository, after, before[repository])
		}
	}
	succeed(t, s, rehearsal.Trial{Event: byHand(false)})
	for repository, gone := range map[string][]string{
		// Of eight pre-releases five stay.
		o.repositories[0]: {"1.0.0-rc.1", "1.0.0-rc.2", "1.1.0-rc.1"},
		// What is older than 90 days goes, but for latest and the ten newest others.
		o.repositories[1]: {
			"1.0.0-rc.1", "1.0.0-rc.2", "1.0.0", "1.1.0-rc.1", "1.1.0-rc.2", "1.1.0",
			"branch-0", "branch-1", "branch-2", "branch-3", "branch-4", "branch-5", "branch-6", "branch-7", "branch-8",
		},
	} {
		want := slices.DeleteFunc(slices.Clone(before[repository]), func(tag string) bool { return slices.Contains(gone, tag) })
		after := tags(t, repository)
		if !slices.Equal(after, want) || len(want) != len(before[repository])-len(gone) {
			t.Errorf("%s has the tags %v, want %v", repository, after, want)
		}
		o.whole(t, repository, after, signedTags(builds))
	}
	if gone := countVersions(t, "aged-copy") - countVersions(t, "aged"); gone < 3*4 {
		t.Errorf("only %d versions went", gone)
	}

	// The same rules by deletion of what has no tag.
	deleteUntagged(t, "aged-copy", 10)
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	for _, tag := range []string{"1.0.0", "latest"} {
		if errs := copied.look(t, j, copied.repositories[0], tag, copied.builds[tag], true); len(errs) == 0 {
			t.Errorf("deletion of what has no tag leaves %s whole, so the test shows nothing", tag)
		}
	}
}

// copyYear copies the releases on GHCR to a repository of their own.
func copyYear(t *testing.T, o old) old {
	t.Helper()
	copied := old{[]string{o.repositories[0] + "-copy"}, o.builds}
	if _, err := judges().Run(t.Context(), "crane", "copy", "--all-tags", o.repositories[0], copied.repositories[0]); err != nil {
		t.Fatal(err)
	}
	// crane copies tags, and the lists of referrers are among them.
	return copied
}

type packageVersion struct {
	ID       int64
	Name     string
	Metadata struct{ Container struct{ Tags []string } }
}

func versionsOf(t *testing.T, name string) (all []packageVersion) {
	t.Helper()
	for page := 1; ; page++ {
		var versions []packageVersion
		address := fmt.Sprintf("https://api.github.com/orgs/acme/packages/container/%s/versions?per_page=100&page=%d", name, page)
		if err := world.Get(t.Context(), address, &versions); err != nil {
			t.Fatal(err)
		}
		if all = append(all, versions...); len(versions) < 100 {
			return all
		}
	}
}

func countVersions(t *testing.T, name string) int {
	t.Helper()
	return len(versionsOf(t, name))
}

// deleteUntagged does as actions/delete-package-versions does with
// delete-only-untagged-versions and min-versions-to-keep: what has no tag goes,
// but for the newest.
func deleteUntagged(t *testing.T, name string, keep int) {
	t.Helper()
	for _, v := range versionsOf(t, name) {
		if len(v.Metadata.Container.Tags) > 0 {
			continue
		}
		if keep--; keep >= 0 {
			continue
		}
		if err := world.Delete(t.Context(), fmt.Sprintf("https://api.github.com/orgs/acme/packages/container/%s/versions/%d", name, v.ID)); err != nil {
			t.Fatal(err)
		}
	}
}
