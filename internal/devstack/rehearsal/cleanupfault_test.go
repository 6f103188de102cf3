//go:build e2e

package rehearsal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

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
				t.Helper()
				if err := world.Cut(t.Context(), api, http.MethodDelete, "", 6); err != nil {
					t.Fatal(err)
				}
				if out, err := c.run(t, map[string]string{"retry-for": "1s"}); err == nil {
					t.Errorf("it succeeds:\n%s", out)
				}
			},
			"the rate limit": func(t *testing.T, c cleaning, _ old) {
				t.Helper()
				if err := world.FaultLater(t.Context(), api, http.MethodDelete, "", 4, http.StatusTooManyRequests); err != nil {
					t.Fatal(err)
				}
				out, err := c.run(t, map[string]string{"retry-for": "1s"})
				if err == nil || !strings.Contains(out, "429") && !strings.Contains(out, "rate limit") || !strings.Contains(out, "retry-for") {
					t.Errorf("%v:\n%s", err, out)
				}
			},
			"it is killed": func(t *testing.T, c cleaning, _ old) {
				t.Helper()
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
			if err := world.Slow(t.Context(), api, http.MethodDelete, 150*time.Millisecond); err != nil {
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

// TestCleanupIsUndone brings back on GHCR what a run has removed, from its plan.
func TestCleanupIsUndone(t *testing.T) {
	const repository = "ghcr.io/acme/undone"
	builds := someReleases()
	o := pushYear(t, builds, repository)
	c := newCleaning(t, repository)
	before := slices.Sorted(slices.Values(tags(t, repository)))
	if out, err := c.run(t, nil); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	o.settled(t, repository, "1.0.0", "latest")
	plan := filepath.Join(c.dir, "plan.json")
	if out, err := c.run(t, map[string]string{"restore": plan, "images": "", "rules": ""}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after := slices.Sorted(slices.Values(tags(t, repository)))
	if !slices.Equal(after, before) {
		t.Errorf("%s has the tags %v, and had %v", repository, after, before)
	}
	o.whole(t, repository, after, signedTags(builds))
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
