//go:build e2e

package rehearsal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// source is the checkout of this project, seen from the test's directory.
const source = "../../.."

var (
	repositories = []string{"ghcr.io/acme/hello", "docker.io/acme/hello"}
	platforms    = []string{"linux/amd64", "linux/arm/v7", "linux/arm64"}
	world        *rehearsal.World
)

// TestMain runs all tests in one local world: they tell what happens to
// versions of one image, as in a project's life.
func TestMain(m *testing.M) {
	os.Exit(inWorld(m.Run))
}

func inWorld(run func() int) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	world, err = rehearsal.Up(ctx, source, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := errors.Join(world.Down(context.WithoutCancel(ctx)), searchLogs()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return run()
}

func stage(t *testing.T, edit func(string) string) *rehearsal.Stage {
	t.Helper()
	dir, err := filepath.Abs(source)
	if err != nil {
		t.Fatal(err)
	}
	s, err := rehearsal.NewStage(t.Context(), t.TempDir(), dir, world.Env, edit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *rehearsal.Stage, trial rehearsal.Trial) rehearsal.Outcome {
	t.Helper()
	out, err := s.Run(t.Context(), trial)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func succeed(t *testing.T, s *rehearsal.Stage, trial rehearsal.Trial) rehearsal.Outcome {
	t.Helper()
	out := run(t, s, trial)
	if out.Code != 0 {
		t.Fatalf("the release of %s failed:\n%s", trial.Tag, out.Log)
	}
	return out
}

// approve has every judge look at a release.
func approve(t *testing.T, tag, version string) {
	t.Helper()
	for _, verdict := range rehearsal.NewJudges(world.Env, tag).Judge(t.Context(), repositories, version, platforms) {
		if verdict.Err != nil {
			t.Error(verdict)
		}
	}
}

func tags(t *testing.T, repository string) []string {
	t.Helper()
	found, err := rehearsal.NewJudges(world.Env, "v0.0.0").Tags(t.Context(), repository)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func release(t *testing.T, tag string) (found []githubRelease) {
	t.Helper()
	for _, r := range releases(t) {
		if r.TagName == tag {
			found = append(found, r)
		}
	}
	return found
}

// untouched sees to it that a failed run left nothing public.
func untouched(t *testing.T, tag, version string) {
	t.Helper()
	for _, repository := range repositories {
		if found := tags(t, repository); slices.Contains(found, version) {
			t.Errorf("%s has the tag %s: %v", repository, version, found)
		}
	}
	for _, r := range release(t, tag) {
		if !r.Draft {
			t.Errorf("the release %s is published", tag)
		}
	}
}

func TestRelease(t *testing.T) {
	s := stage(t, nil)
	args := watchArguments(t)
	out := succeed(t, s, rehearsal.Trial{Tag: "v1.2.3"})
	approve(t, "v1.2.3", "1.2.3")
	for _, repository := range repositories {
		found := tags(t, repository)
		for _, want := range []string{"1.2.3", "1.2", "1", "latest"} {
			if !slices.Contains(found, want) {
				t.Errorf("%s lacks the tag %s: %v", repository, want, found)
			}
		}
	}
	page := release(t, "v1.2.3")
	if len(page) != 1 || page[0].Draft || page[0].Prerelease {
		t.Fatalf("releases of v1.2.3: %+v", page)
	}
	for _, want := range []string{"linux-amd64", "linux-arm64", "linux-arm-v7", "index"} {
		for _, format := range []string{"spdx", "cdx"} {
			name := "sbom-" + want + "." + format + ".json"
			if !slices.ContainsFunc(page[0].Assets, func(a asset) bool { return a.Name == name && a.Size > 0 }) {
				t.Errorf("the release lacks %s: %+v", name, page[0].Assets)
			}
		}
	}
	var described struct {
		Description     string
		FullDescription string `json:"full_description"`
	}
	if err := world.Get(t.Context(), "https://hub.docker.com/v2/repositories/acme/hello/", &described); err != nil || !strings.HasPrefix(described.Description, "Says hello") || described.FullDescription == "" {
		t.Errorf("Docker Hub's page: %+v, %v", described, err)
	}
	for _, want := range []string{"## Release of `", "| version | `1.2.3` |", "ghcr.io/", "docker.io/", "index: log entry ", "linux/arm/v7: log entry ", "\ngantt\n", "dockerhub-readme "} {
		if !strings.Contains(out.Summary, want) {
			t.Errorf("the summary lacks %q:\n%s", want, out.Summary)
		}
	}

	if found := analyses(t, "refs/tags/v1.2.3"); len(found) != len(platforms) {
		t.Errorf("code scanning has %q", found)
	}
	if !strings.Contains(out.Summary, "## Findings") || !strings.Contains(out.Summary, "CVE-0000-0001") {
		t.Errorf("the summary doesn't tell what was found:\n%s", out.Summary)
	}

	t.Run("printed commands work as printed", func(t *testing.T) {
		if n := printedCommands(t, page[0].Body, nil); n["verify"] != 1 || n["cosign"] != 8 || n["gh"] != 0 {
			t.Errorf("the page has the commands %v:\n%s", n, page[0].Body)
		}
	})
	t.Run("no credential is left", func(t *testing.T) {
		noCredential(t, "the log", out.Raw)
		noCredential(t, "the summary", out.Summary)
		noCredential(t, "argument lists", args())
		noCredential(t, "the release page", page[0].Body)
		noCredentialBelow(t, s.Dir)
	})
	t.Run("a re-run changes nothing", func(t *testing.T) {
		before, err := rehearsal.NewJudges(world.Env, "v1.2.3").Digest(t.Context(), "ghcr.io/acme/hello:1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		succeed(t, s, rehearsal.Trial{Tag: "v1.2.3"})
		approve(t, "v1.2.3", "1.2.3") // which asks for one signature, not two
		after, err := rehearsal.NewJudges(world.Env, "v1.2.3").Digest(t.Context(), "ghcr.io/acme/hello:1.2.3")
		if err != nil || before != after {
			t.Errorf("1.2.3 was %s and is %s, %v", before, after, err)
		}
		if again := release(t, "v1.2.3"); len(again) != 1 || again[0].ID != page[0].ID || len(again[0].Assets) != len(page[0].Assets) {
			t.Errorf("releases after the re-run: %+v", again)
		}
	})
	t.Run("forged evidence is refused", func(t *testing.T) { forgedEvidence(t) })
	t.Run("forged releases are refused", func(t *testing.T) { forgedReleases(t) })
	t.Run("the guide's commands work as written", func(t *testing.T) { verifyGuide(t) })
}

func forgedEvidence(t *testing.T) {
	t.Helper()
	j := rehearsal.NewJudges(world.Env, "v1.2.3")
	const identity = "https://github.com/acme/hello/.github/workflows/release.yml@refs/tags/v1.2.3"
	verify := func(ref string) (string, error) {
		return j.Run(t.Context(), "verify", "-trusted-root", world.Env["SIGSTORE_TRUSTED_ROOT"], "-retry-for", "5s",
			"-certificate-identity", identity, "-output", "json", ref)
	}
	for _, host := range []string{"ghcr.io", "docker.io"} {
		from := host + "/acme/hello:1.2.3"
		digest, err := j.Digest(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := verify(from); err != nil {
			t.Fatalf("verify refuses the true one: %v\n%s", err, out)
		}
		f := newForger(t, host)
		for what, kind := range map[string]string{
			"signature": "https://sigstore.dev/cosign/sign/v1", "spdxjson": "https://spdx.dev/Document", "cyclonedx": "https://cyclonedx.org/bom",
		} {
			forged := host + "/acme/forged-" + what
			f.copy(t, from, forged, "1.2.3", kind)
			for _, cosign := range []string{"cosign2", "cosign3"} {
				check := j.Signature(t.Context(), cosign, forged+":1.2.3", digest)
				if what != "signature" {
					check = j.Attestation(t.Context(), cosign, what, forged+":1.2.3", digest)
				}
				if check == nil {
					t.Errorf("%s accepts a forged %s on %s", cosign, what, host)
				}
			}
			if out, err := verify(forged + ":1.2.3"); err == nil {
				t.Errorf("verify accepts a forged %s on %s:\n%s", what, host, out)
			} else if !strings.Contains(err.Error(), "payload hash") || strings.Contains(err.Error(), "could not be decided") {
				t.Errorf("verify refuses a forged %s for another reason: %v", what, err)
			}
		}
	}
}

// TestRekorDown has Rekor end before a run, which then builds nothing, and while
// a run builds, which then waits for it in vain.
func TestRekorDown(t *testing.T) {
	stop := func() {
		if err := world.StopPart(t.Context(), "rekor"); err != nil {
			t.Error(err)
		}
	}
	for _, test := range []struct {
		name, tag string
		when      string // in the log
		built     bool
	}{
		{"before the run", "v1.3.0", "launch.sh\" plan", false},
		{"while it builds", "v1.3.1", "launch.sh\" build-push", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, version, once := stage(t, nil), strings.TrimPrefix(test.tag, "v"), sync.OnceFunc(stop)
			out := run(t, s, rehearsal.Trial{Tag: test.tag, Vars: map[string]string{"RETRY_FOR": "3s"}, Watch: func(line string, _ *os.Process) {
				if strings.Contains(line, test.when) {
					once()
				}
			}})
			if out.Code == 0 || !strings.Contains(out.Log, "rekor at ") {
				t.Errorf("exit %d without a word of Rekor:\n%s", out.Code, out.Log)
			}
			if built := strings.Contains(out.Summary, "## Image"); built != test.built {
				t.Errorf("built: %v, want %v:\n%s", built, test.built, out.Summary)
			}
			untouched(t, test.tag, version)
			if err := world.StartPart(t.Context(), "rekor"); err != nil {
				t.Fatal(err)
			}
			succeed(t, s, rehearsal.Trial{Tag: test.tag})
			approve(t, test.tag, version)
		})
	}
}

func TestBadRuns(t *testing.T) {
	images := regexp.MustCompile(`images: \|\n(\s+\S+\.io/.*\n){2}`)
	tests := []struct {
		name string
		tag  string
		drop []string
		edit func(string) string
		want []string
	}{
		{name: "no id-token permission", tag: "v2.0.0", drop: []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}, want: []string{`grant "id-token: write"`}},
		{name: "no image names", tag: "v2.0.0", edit: func(w string) string { return images.ReplaceAllString(w, "images: ''\n") }, want: []string{`input "images" names no image`, "write one repository a line"}},
		{name: "a tag without a version", tag: "nightly", edit: func(w string) string {
			return strings.Replace(w, "images: |", "tags: type=semver,pattern={{version}}\n          images: |", 1)
		}, want: []string{"nightly"}},
		{name: "a password that is wrong", tag: "v2.0.0", edit: func(w string) string {
			return strings.Replace(w, "${{ secrets.DOCKERHUB_TOKEN }}", "wrong", 1)
		}, want: []string{"dockerhub-token"}},
		{name: "no such section", tag: "v2.0.0", edit: func(w string) string {
			return strings.Replace(w, "images: |", "sections: pull,pulls\n          images: |", 1)
		}, want: []string{`input "sections": there is no section "pulls"`, "choose from changes"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := run(t, stage(t, test.edit), rehearsal.Trial{Tag: test.tag, Drop: test.drop, Vars: map[string]string{"RETRY_FOR": "3s"}})
			if out.Code == 0 {
				t.Errorf("the run succeeds")
			}
			for _, want := range test.want {
				if !strings.Contains(out.Log, want) {
					t.Errorf("the log lacks %q:\n%s", want, out.Log)
				}
			}
			untouched(t, test.tag, strings.TrimPrefix(test.tag, "v"))
			noCredential(t, "the log", out.Raw)
		})
	}
}

// TestUpperCaseNames has the owner's name as GitHub writes it, which registries
// refuse: it is released in lower case, and the log says so.
func TestUpperCaseNames(t *testing.T) {
	out := succeed(t, stage(t, func(w string) string {
		return strings.Replace(w, "ghcr.io/${{ github.repository }}", "ghcr.io/Acme/Hello", 1)
	}), rehearsal.Trial{Tag: "v1.7.0"})
	if !strings.Contains(out.Log, `image name "ghcr.io/Acme/Hello" has upper-case letters`) {
		t.Errorf("the log doesn't say what became of the name:\n%s", out.Log)
	}
	approve(t, "v1.7.0", "1.7.0")
}

func TestPassingFaultsArePassed(t *testing.T) {
	s := stage(t, nil)
	for host, prefix := range map[string]string{"ghcr.io": "/v2/", "index.docker.io": "/v2/", "api.github.com": "/repos/acme/hello/releases", "hub.docker.com": "/v2/"} {
		for _, status := range []int{503, 429} {
			if err := world.Fault(t.Context(), host, status, 1, prefix); err != nil {
				t.Fatal(err)
			}
		}
	}
	succeed(t, s, rehearsal.Trial{Tag: "v1.4.0"})
	approve(t, "v1.4.0", "1.4.0")
}

// TestARegistryThatRefuses has one of two registries fail for good, while the
// image is built or when the tags are to move.
func TestARegistryThatRefuses(t *testing.T) {
	tests := []struct {
		host, prefix string
		status       int
		want         []string
	}{
		{"index.docker.io", "/v2/acme/hello/", 401, []string{"401", "dockerhub-token"}},
		{"index.docker.io", "/v2/acme/hello/", 403, []string{"403", "docker.io/acme/hello", "hint"}},
		{"index.docker.io", "/v2/acme/hello/blobs/uploads", 404, []string{"404", "docker.io/acme/hello"}},
		{"ghcr.io", "/v2/acme/hello/", 403, []string{"403", "packages: write"}},
		{"ghcr.io", "/v2/acme/hello/", 429, []string{"429", "ghcr.io/acme/hello", "hint"}},
		{"ghcr.io", "/v2/acme/hello/", 503, []string{"503", "ghcr.io/acme/hello", "hint"}},
		{"ghcr.io", "/v2/acme/hello/manifests/1.6.0", 503, []string{"503", "ghcr.io/acme/hello:1.6.0", "hint"}},
		{"api.github.com", "/repos/acme/hello/releases", 503, []string{"503", "release"}},
	}
	s := stage(t, nil)
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s answers %d under %s", test.host, test.status, test.prefix), func(t *testing.T) {
			if err := world.Fault(t.Context(), test.host, test.status, 1<<20, test.prefix); err != nil {
				t.Fatal(err)
			}
			out := run(t, s, rehearsal.Trial{Tag: "v1.6.0", Vars: map[string]string{"RETRY_FOR": "2s"}})
			if err := world.ClearFaults(t.Context()); err != nil {
				t.Fatal(err)
			}
			if out.Code == 0 {
				t.Error("the run succeeds")
			}
			for _, want := range test.want {
				if !strings.Contains(out.Log, want) {
					t.Errorf("the log lacks %q:\n%s", want, out.Log)
				}
			}
			noCredential(t, "the log", out.Raw)
			if test.host != "api.github.com" { // by then the tags have moved, and only the page is missing
				untouched(t, "v1.6.0", "1.6.0")
			}
			for _, r := range release(t, "v1.6.0") {
				if !r.Draft {
					t.Error("the release is published")
				}
			}
		})
	}
	succeed(t, s, rehearsal.Trial{Tag: "v1.6.0"})
	approve(t, "v1.6.0", "1.6.0")
	if pages := release(t, "v1.6.0"); len(pages) != 1 || pages[0].Draft {
		t.Errorf("releases of v1.6.0: %+v", pages)
	}
}

func TestAReleasedVersionStays(t *testing.T) {
	s := stage(t, func(w string) string { return strings.Replace(w, "Says hello", "Says hallo", 1) })
	succeed(t, s, rehearsal.Trial{Tag: "v1.5.0"})
	before, err := rehearsal.NewJudges(world.Env, "v1.5.0").Digest(t.Context(), "docker.io/acme/hello:1.5.0")
	if err != nil {
		t.Fatal(err)
	}
	// Another commit under the same tag.
	moved := stage(t, func(w string) string { return strings.Replace(w, "Says hello", "Says hullo", 1) })
	out := run(t, moved, rehearsal.Trial{Tag: "v1.5.0"})
	if out.Code == 0 || !strings.Contains(out.Log, "overwrite") {
		t.Errorf("exit %d:\n%s", out.Code, out.Log)
	}
	after, err := rehearsal.NewJudges(world.Env, "v1.5.0").Digest(t.Context(), "docker.io/acme/hello:1.5.0")
	if err != nil || before != after {
		t.Errorf("1.5.0 was %s and is %s, %v", before, after, err)
	}
}
