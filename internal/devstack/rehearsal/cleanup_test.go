//go:build e2e

package rehearsal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

const day = 24 * time.Hour

// aged is a build that was pushed some days ago.
type aged struct {
	days   int
	tags   []string
	signed bool
}

// aYear is what a project pushes in a year: releases, pre-releases, builds of
// branches, and each night one build under a tag that moves.
func aYear() (builds []aged) {
	for n, days := range []int{360, 270, 120, 12} {
		version := fmt.Sprintf("1.%d.0", n)
		for rc := range 2 {
			builds = append(builds, aged{days + 5 - rc, []string{fmt.Sprintf("%s-rc.%d", version, rc+1)}, rc == 1})
		}
		builds = append(builds, aged{days, []string{version, "latest"}, true})
	}
	for n := range 13 {
		builds = append(builds, aged{200 - n, []string{fmt.Sprintf("branch-%d", n)}, n > 10})
		builds = append(builds, aged{100 - n, []string{"nightly"}, n > 10})
	}
	slices.SortStableFunc(builds, func(a, b aged) int { return b.days - a.days })
	return builds
}

// old is a pair of repositories with a year's builds.
type old struct {
	repositories []string
	builds       map[string]candidate // by tag, the last one
}

// pushYear pushes the builds, each at its time, with our own signatures.
func pushYear(t *testing.T, builds []aged, repositories ...string) old {
	t.Helper()
	t.Cleanup(func() {
		if err := world.SetClock(context.WithoutCancel(t.Context()), 0); err != nil {
			t.Error(err)
		}
	})
	o := old{repositories, map[string]candidate{}}
	for _, b := range builds {
		if err := world.SetClock(t.Context(), -time.Duration(b.days)*day); err != nil {
			t.Fatal(err)
		}
		c := push(t, repositories)
		if b.signed {
			runStep(t, "sign", c, map[string]string{"signing-config": world.Env["SIGSTORE_SIGNING_CONFIG"], "output-dir": c.dir})
		}
		for _, tag := range b.tags {
			retag(t, c, tag)
			o.builds[tag] = c
		}
	}
	if err := world.SetClock(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return o
}

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

// whole has crane pull each kept tag on each platform, and cosign verify each
// that was signed, on each platform too.
func (o old) whole(t *testing.T, repository string, kept []string, signed map[string]bool) {
	t.Helper()
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	for _, tag := range kept {
		c, ok := o.builds[tag]
		if !ok {
			t.Errorf("%s has the tag %q, which nothing set", repository, tag)
			continue
		}
		for _, err := range o.look(t, j, repository, tag, c, signed[tag]) {
			t.Error(err)
		}
	}
}

// look returns what crane and cosign have against a tag.
func (o old) look(t *testing.T, j *rehearsal.Judges, repository, tag string, c candidate, signed bool) (errs []error) {
	t.Helper()
	refs := map[string]string{repository + ":" + tag: c.digests[0]}
	for _, platform := range platforms {
		tarball := filepath.Join(t.TempDir(), "image.tar")
		if _, err := j.Run(t.Context(), "crane", "pull", "--platform", platform, repository+":"+tag, tarball); err != nil {
			errs = append(errs, fmt.Errorf("crane pull %s:%s for %s: %w", repository, tag, platform, err))
		}
	}
	if !signed {
		return errs
	}
	for _, digest := range c.digests[1:] {
		refs[repository+"@"+digest] = digest
	}
	for ref, digest := range refs {
		if err := j.Signature(t.Context(), "cosign3", ref, digest); err != nil {
			errs = append(errs, fmt.Errorf("cosign verify %s: %w", ref, err))
		}
	}
	return errs
}

func signedTags(builds []aged) map[string]bool {
	signed := map[string]bool{}
	for _, b := range builds {
		for _, tag := range b.tags {
			signed[tag] = b.signed
		}
	}
	return signed
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

// cleaning is a run of the step's program.
type cleaning struct {
	dir    string
	inputs map[string]string
}

func newCleaning(t *testing.T, repository string) cleaning {
	t.Helper()
	dir := t.TempDir()
	return cleaning{dir, map[string]string{
		"images": repository, "rules": "- pre-releases: true\n", "dry-run": "false", "max-delete": "95%", "output-dir": dir, "grace": "24h", "retry-for": "10s",
		"protect":            "latest",
		"github-token":       world.Env["GITHUB_TOKEN"],
		"dockerhub-username": world.Env["DOCKERHUB_USERNAME"], "dockerhub-token": world.Env["DOCKERHUB_TOKEN"],
	}}
}

func (c cleaning) command(t *testing.T, further map[string]string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(world.Env["RELEASE_ACTIONS_BIN"], "cleanup"))
	env := maps.Clone(world.Env)
	for _, name := range []string{"GITHUB_TOKEN"} {
		delete(env, name)
	}
	env["GITHUB_REPOSITORY"], env["RUNNER_TEMP"] = rehearsal.Repository, t.TempDir()
	inputs := maps.Clone(c.inputs)
	maps.Copy(inputs, further)
	for name, value := range inputs {
		env["INPUT_"+strings.ToUpper(name)] = value
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

func (c cleaning) run(t *testing.T, further map[string]string) (string, error) {
	t.Helper()
	cmd, out := c.command(t, further)
	err := cmd.Run()
	return out.String(), err
}

// deletions counts what was deleted of a repository since ClearRequests.
func deletions(t *testing.T) (n int) {
	t.Helper()
	log, err := world.Requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range log {
		if r.Method == http.MethodDelete && r.Status/100 == 2 {
			n++
		}
	}
	return n
}

// someReleases are a kept release, and pre-releases to remove.
func someReleases() []aged {
	return []aged{{30, []string{"1.0.0-rc.1"}, true}, {29, []string{"1.0.0-rc.2"}, true}, {28, []string{"1.0.0-rc.3"}, false}, {27, []string{"1.0.0", "latest"}, true}}
}

// settled sees to it that the release is whole, and that of the pre-releases
// nothing is left.
func (o old) settled(t *testing.T, repository string, want ...string) {
	t.Helper()
	after := slices.Sorted(slices.Values(tags(t, repository)))
	slices.Sort(want)
	if !slices.Equal(after, want) {
		t.Errorf("%s has the tags %v, want %v", repository, after, want)
	}
	o.whole(t, repository, after, map[string]bool{"1.0.0": true, "latest": true})
	for _, tag := range []string{"1.0.0-rc.1", "1.0.0-rc.2", "1.0.0-rc.3"} {
		if slices.Contains(want, tag) {
			continue
		}
		for _, digest := range o.builds[tag].digests {
			if _, err := judges().Run(t.Context(), "crane", "manifest", repository+"@"+digest); err == nil {
				t.Errorf("%s still has %s of %s", repository, digest, tag)
			}
		}
	}
}

// TestCleanupWithFaults interrupts the removal of pre-releases in several ways,
// in both registries: each time the release stays whole, and the next run
// removes the rest.
func TestCleanupWithFaults(t *testing.T) {
	hosts := map[string]string{"ghcr.io": "api.github.com", "docker.io": "index.docker.io"}
	for host, api := range hosts {
		for name, fault := range map[string]func(t *testing.T, c cleaning, o old){
			"the network is lost": func(t *testing.T, c cleaning, _ old) {
				if err := world.Cut(t.Context(), api, http.MethodDelete, "", 6); err != nil {
					t.Fatal(err)
				}
				if out, err := c.run(t, map[string]string{"retry-for": "1s"}); err == nil {
					t.Errorf("it succeeds:\n%s", out)
				}
			},
			"the rate limit": func(t *testing.T, c cleaning, _ old) {
				if err := world.FaultLater(t.Context(), api, http.MethodDelete, "", 4, http.StatusTooManyRequests); err != nil {
					t.Fatal(err)
				}
				out, err := c.run(t, map[string]string{"retry-for": "1s"})
				if err == nil || !strings.Contains(out, "429") && !strings.Contains(out, "rate limit") || !strings.Contains(out, "retry-for") {
					t.Errorf("%v:\n%s", err, out)
				}
			},
			"it is killed": func(t *testing.T, c cleaning, _ old) {
				if err := world.Slow(t.Context(), api, http.MethodDelete, 200*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				cmd, out := c.command(t, nil)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				for deletions(t) < 5 {
					time.Sleep(50 * time.Millisecond)
				}
				if err := errors.Join(cmd.Process.Kill(), ignoreExit(cmd.Wait())); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			},
		} {
			t.Run(host+", "+name, func(t *testing.T) {
				repository := host + "/acme/fault-" + strings.ReplaceAll(name, " ", "-")
				o := pushYear(t, someReleases(), repository)
				c := newCleaning(t, repository)
				if err := world.ClearRequests(t.Context()); err != nil {
					t.Fatal(err)
				}
				fault(t, c, o)
				if err := world.ClearFaults(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n := deletions(t); n == 0 {
					t.Error("nothing was deleted before the fault, so that nothing is shown")
				}
				o.whole(t, repository, []string{"1.0.0", "latest"}, map[string]bool{"1.0.0": true, "latest": true})
				if out, err := c.run(t, nil); err != nil {
					t.Errorf("the next run: %v\n%s", err, out)
				}
				o.settled(t, repository, "1.0.0", "latest")
			})
		}
	}
}

func ignoreExit(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// TestCleanupSparesWhatIsTaggedMeanwhile tags what the plan removes last, while
// it is carried out: it stays, with all that it needs.
func TestCleanupSparesWhatIsTaggedMeanwhile(t *testing.T) {
	for host, api := range map[string]string{"ghcr.io": "api.github.com", "docker.io": "index.docker.io"} {
		t.Run(host, func(t *testing.T) {
			repository := host + "/acme/meanwhile"
			o := pushYear(t, someReleases(), repository)
			c := newCleaning(t, repository)
			if out, err := c.run(t, map[string]string{"dry-run": "true"}); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			tag := lastIndex(t, c, o)
			if err := world.ClearRequests(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := world.Slow(t.Context(), api, http.MethodDelete, 500*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			cmd, out := c.command(t, nil)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deletions(t) == 0 {
				time.Sleep(20 * time.Millisecond)
			}
			o.builds["rescued"] = o.builds[tag]
			retag(t, candidate{repositories: []string{repository}, digests: o.builds[tag].digests}, "rescued")
			err := cmd.Wait()
			if clearErr := world.ClearFaults(t.Context()); clearErr != nil {
				t.Fatal(clearErr)
			}
			if err != nil || !strings.Contains(out.String(), "rescued") {
				t.Errorf("%v:\n%s", err, out)
			}
			o.settled(t, repository, "1.0.0", "latest", "rescued", tag)
		})
	}
}

// lastIndex returns the tag of the index that a plan removes last.
func lastIndex(t *testing.T, c cleaning, o old) (tag string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Repositories []struct {
			Decisions []struct{ Digest, Verdict string }
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for _, d := range document.Repositories[0].Decisions {
		for name, c := range o.builds {
			if d.Verdict == "delete" && d.Digest == c.digests[0] {
				tag = name
			}
		}
	}
	return tag
}

// TestCleanupWithoutTheRight has tokens that may list and not delete: the error
// says what they lack.
func TestCleanupWithoutTheRight(t *testing.T) {
	o := pushYear(t, someReleases(), "ghcr.io/acme/forbidden", "docker.io/acme/forbidden")
	for _, test := range []struct {
		repository string
		inputs     map[string]string
		want       string
	}{
		{o.repositories[0], map[string]string{"github-token": world.Env["GITHUB_READ_TOKEN"]}, `grant "packages: write"`},
		{o.repositories[1], map[string]string{"dockerhub-token": world.Env["DOCKERHUB_WRITE_TOKEN"]}, "Read, Write, Delete"},
	} {
		c := newCleaning(t, test.repository)
		out, err := c.run(t, test.inputs)
		if err == nil || !strings.Contains(out, test.want) {
			t.Errorf("%s: %v, want %q in\n%s", test.repository, err, test.want, out)
		}
		after := tags(t, test.repository)
		if len(after) != 5 {
			t.Errorf("%s has the tags %v", test.repository, after)
		}
		o.whole(t, test.repository, after, map[string]bool{"1.0.0": true, "1.0.0-rc.1": true})
	}
}
