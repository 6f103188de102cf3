//go:build e2e

package rehearsal_test

import (
	"flag"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

var golden = flag.Bool("golden", false, "write the golden files")

// TestPreflightListsAllThatIsMissing releases with nothing of what it takes: one
// list says so, before anything is built.
func TestPreflightListsAllThatIsMissing(t *testing.T) {
	s := stage(t, func(w string) string {
		w = strings.Replace(w, "docker.io/${{ github.repository }}", "docker.io/acme/unheard-of", 1)
		return strings.Replace(w, "images: |", "file: docker/Dockerfile\n          push-to-github: true\n          readme-filepath: docs/HUB.md\n          images: |", 1)
	})
	out := run(t, s, rehearsal.Trial{
		Tag: "v2.1.0", Drop: []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}, Vars: map[string]string{"RETRY_FOR": "2s"},
		Env: map[string]string{"GITHUB_TOKEN": world.Env["GITHUB_READ_TOKEN"], "DOCKERHUB_TOKEN": world.Env["DOCKERHUB_READ_TOKEN"]},
	})
	if out.Code == 0 {
		t.Error("the run succeeds")
	}
	untouched(t, "v2.1.0", "2.1.0")
	noCredential(t, "the log", out.Raw)
	_, got, _ := strings.Cut(out.Summary, "## Preflight\n")
	const file = "testdata/preflight.golden"
	if *golden {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%v; the summary ends with\n%s\nwant\n%s\nlog:\n%s", err, got, want, out.Log)
	}
}

// TestAHalfDoneReleaseEndsWell has runs fail between their tags and their end:
// running again goes on with the same image and builds no other.
func TestAHalfDoneReleaseEndsWell(t *testing.T) {
	tests := []struct {
		name, tag string
		faults    func(version string) error
		tagged    []string // the repositories that have the version's tag then
	}{
		{"the release can't be made", "v2.2.0", func(string) error {
			// The first is preflight's, which makes none.
			return world.FaultLater(t.Context(), "api.github.com", http.MethodPost, "/repos/acme/hello/releases", 1, http.StatusServiceUnavailable)
		}, repositories},
		{"the second registry takes no tag, and the first doesn't give it back", "v2.3.0", func(version string) error {
			if err := world.FaultLater(t.Context(), "index.docker.io", http.MethodPut, "/v2/acme/hello/manifests/"+version, 0, http.StatusForbidden); err != nil {
				return err
			}
			return world.FaultLater(t.Context(), "ghcr.io", http.MethodDelete, "/v2/acme/hello/manifests/"+version, 0, http.StatusForbidden)
		}, repositories[:1]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, version := stage(t, nil), strings.TrimPrefix(test.tag, "v")
			if err := test.faults(version); err != nil {
				t.Fatal(err)
			}
			out := run(t, s, rehearsal.Trial{Tag: test.tag, Vars: map[string]string{"RETRY_FOR": "2s"}})
			if err := world.ClearFaults(t.Context()); err != nil {
				t.Fatal(err)
			}
			if out.Code == 0 {
				t.Fatalf("the run succeeds:\n%s", out.Log)
			}
			for _, repository := range repositories {
				if has := slices.Contains(tags(t, repository), version); has != slices.Contains(test.tagged, repository) {
					t.Fatalf("%s has the tag %s: %v\n%s", repository, version, has, out.Log)
				}
			}
			before := digestOf(t, test.tagged[0]+":"+version)
			out = succeed(t, s, rehearsal.Trial{Tag: test.tag})
			if !strings.Contains(out.Summary, "nothing was built") || !strings.Contains(out.Summary, before) {
				t.Errorf("another image was built:\n%s", out.Summary)
			}
			approve(t, test.tag, version)
			for _, repository := range repositories {
				if after := digestOf(t, repository+":"+version); after != before {
					t.Errorf("%s:%s is %s, and was %s", repository, version, after, before)
				}
			}
			if pages := release(t, test.tag); len(pages) != 1 || pages[0].Draft {
				t.Errorf("releases: %+v", pages)
			}
		})
	}
}

// TestAVersionOfAnotherCommitStopsTheRun before anything is built: the tag has
// been moved since it was released.
func TestAVersionOfAnotherCommitStopsTheRun(t *testing.T) {
	const tag, version = "v2.4.0", "2.4.0"
	succeed(t, stage(t, nil), rehearsal.Trial{Tag: tag})
	before := public(t)
	out := run(t, stage(t, func(w string) string { return strings.Replace(w, "Says hello", "Says hullo", 1) }), rehearsal.Trial{Tag: tag})
	if out.Code == 0 || !strings.Contains(out.Summary, "released already") || !strings.Contains(out.Summary, "overwrite: true") {
		t.Errorf("exit %d:\n%s", out.Code, out.Summary)
	}
	if regexp.MustCompile(`(?m)^## (Image|Build)`).MatchString(out.Summary) {
		t.Errorf("it was built:\n%s", out.Summary)
	}
	if after := public(t); after != before {
		t.Errorf("it has changed\n%s\nto\n%s", before, after)
	}
}
