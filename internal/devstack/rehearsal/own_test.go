//go:build e2e

package rehearsal_test

import (
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

var publishFor = flag.String("platforms", "linux/"+runtime.GOARCH, "platforms that TestOwnRelease builds for; \"all\" takes minutes where Go's cache is cold")

const (
	ownAPI  = "https://api.github.com/repos/" + rehearsal.OwnRepository
	ownWeb  = "https://github.com/" + rehearsal.OwnRepository
	ownFile = "/" + rehearsal.OwnRepository + "/releases/download/v1.0.0/"
)

// ownRelease is what GitHub says of a release of ours.
type ownRelease struct {
	Draft, Immutable bool
	Body             string
	Assets           []struct {
		Name, Digest string
		URL          string `json:"browser_download_url"`
	}
}

// TestOwnRelease releases this project by its own workflow, has gh look at what
// was published, and then uses it as others will: the whole pipeline, and one
// step, without a program on the machine.
func TestOwnRelease(t *testing.T) {
	if err := world.BuildTools(t.Context(), "gh"); err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs(source)
	if err != nil {
		t.Fatal(err)
	}
	publish := func() *rehearsal.OwnStage {
		t.Helper()
		own, err := rehearsal.NewOwnStage(t.Context(), t.TempDir(), dir, world.Env)
		if err != nil {
			t.Fatal(err)
		}
		out, err := own.Publish(t.Context(), "v1.0.0", strings.TrimPrefix(*publishFor, "all"), rehearsal.Trial{})
		if err != nil {
			t.Fatal(err)
		}
		if out.Code != 0 {
			t.Fatalf("the release failed:\n%s", out.Log)
		}
		noCredential(t, "the log", out.Raw)
		return own
	}
	own := publish()
	commit := pins(t, own, "v1.0.0", "v1.0", "v1")
	var page ownRelease
	if err := world.Get(t.Context(), ownAPI+"/releases/tags/v1.0.0", &page); err != nil {
		t.Fatal(err)
	}
	if page.Draft || !page.Immutable || !strings.Contains(page.Body, rehearsal.OwnRepository+"@"+commit+" # v1.0.0") {
		t.Errorf("the page is %+v", page)
	}
	believed(t, page)

	// Once more, in another folder: were a byte of the programs another, it would
	// be refused as a release of other sources.
	before, _ := json.Marshal(page)
	publish()
	if err := world.Get(t.Context(), ownAPI+"/releases/tags/v1.0.0", &page); err != nil {
		t.Fatal(err)
	}
	if after, _ := json.Marshal(page); !bytes.Equal(before, after) {
		t.Errorf("once more: it changes\n%s\nto\n%s", before, after)
	}
	pins(t, own, "v1.0.0", "v1.0", "v1")
	used(t, own, commit)
}

// pins sees to it that all tags are at one commit, which adds the checksums to
// the one that was released, and nothing else; and returns it.
func pins(t *testing.T, own *rehearsal.OwnStage, tags ...string) (commit string) {
	t.Helper()
	for _, tag := range tags {
		var ref struct{ Object struct{ SHA string } }
		if err := world.Get(t.Context(), ownAPI+"/git/ref/tags/"+tag, &ref); err != nil {
			t.Fatal(err)
		}
		if commit != "" && ref.Object.SHA != commit {
			t.Errorf("%s is at %s, %s at %s", tags[0], commit, tag, ref.Object.SHA)
		}
		commit = ref.Object.SHA
	}
	changed, err := own.Git(t.Context(), "diff", "--name-status", own.Commit, commit)
	if err != nil || changed != "A\tactions/checksums.txt" {
		t.Errorf("the commit changes %q: %v", changed, err)
	}
	if branches, err := own.Git(t.Context(), "branch", "--format=%(refname:short)"); err != nil || branches != "main" {
		t.Errorf("the repository has the branches %q: %v", branches, err)
	}
	return commit
}

// believed has gh verify who built each program, and what is said to be in it,
// and compares the latter with what the program itself says.
func believed(t *testing.T, page ownRelease) {
	t.Helper()
	judge := rehearsal.NewJudges(world.Env, "")
	signer := []string{"--repo", rehearsal.OwnRepository, "--signer-workflow", rehearsal.OwnRepository + "/" + rehearsal.PublishWorkflow, "--source-ref", "refs/heads/main"}
	programs, size := 0, map[string]int{} // by platform
	for _, a := range page.Assets {
		if !strings.HasSuffix(a.Name, ".gz") {
			continue
		}
		programs++
		content := fetch(t, a.URL)
		_, platform, _ := strings.Cut(a.Name, "_")
		size[platform] += len(content)
		file := filepath.Join(t.TempDir(), a.Name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := judge.GitHub(t.Context(), file, signer...); err != nil {
			t.Errorf("provenance of %s: %v", a.Name, err)
		}
		predicate, err := judge.GitHub(t.Context(), file, append(signer, "--predicate-type", "https://spdx.dev/Document/v2.3")...)
		if err != nil {
			t.Errorf("SBOM of %s: %v", a.Name, err)
		}
		zip, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		program, err := io.ReadAll(zip)
		if err != nil {
			t.Fatal(err)
		}
		info, err := buildinfo.Read(bytes.NewReader(program))
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			Packages []struct{ Name, VersionInfo string }
		}
		if err := json.Unmarshal(predicate, &document); err != nil {
			t.Fatal(err)
		}
		for _, module := range info.Deps {
			if !slices.Contains(document.Packages, struct{ Name, VersionInfo string }{module.Path, module.Version}) {
				t.Errorf("the SBOM of %s lacks %s %s", a.Name, module.Path, module.Version)
			}
		}
	}
	for platform, n := range size {
		if n > 60e6 {
			t.Errorf("a pipeline's programs for %s are %d bytes to download, more than 60 MB", platform, n)
		}
	}
	if want := 2 * len(strings.Split(*publishFor, ",")); *publishFor != "all" && programs != want || *publishFor == "all" && programs != 8 {
		t.Errorf("%d programs are published", programs)
	}
}

// used plays workflows of another project that use the release, on a runner
// that has none of our programs.
func used(t *testing.T, own *rehearsal.OwnStage, commit string) {
	t.Helper()
	one := func(string) string {
		return "on: push\njobs:\n  tags:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: org/release-actions/actions/metadata@v1\n        id: metadata\n" +
			"        with:\n          images: ghcr.io/acme/hello\n      - run: echo \"tagged $TAGS\"\n        env:\n          TAGS: ${{ steps.metadata.outputs.tags }}\n"
	}
	for name, test := range map[string]struct {
		edit    func(string) string
		tag     string
		says    string
		fetched []string
	}{
		"one step":           {one, "v0.9.0", "tagged ghcr.io/acme/hello:v0.9.0", []string{"steps_linux_" + runtime.GOARCH + ".gz"}},
		"the whole pipeline": {nil, "v0.9.1", "Say what was released", []string{"sbom_linux_" + runtime.GOARCH + ".gz", "steps_linux_" + runtime.GOARCH + ".gz"}},
	} {
		s := stage(t, test.edit)
		if err := os.RemoveAll(s.Action); err != nil {
			t.Fatal(err)
		}
		if err := own.Checkout(t.Context(), commit, s.Action); err != nil {
			t.Fatal(err)
		}
		if err := world.ClearRequests(t.Context()); err != nil {
			t.Fatal(err)
		}
		out := succeed(t, s, rehearsal.Trial{Tag: test.tag, Drop: []string{"RELEASE_ACTIONS_BIN"}})
		if !strings.Contains(out.Log, test.says) || strings.Contains(out.Log, "from source") {
			t.Errorf("%s: it doesn't say %q:\n%s", name, test.says, out.Log)
		}
		log, err := world.Requests(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var fetched []string
		for _, r := range log {
			if file, ok := strings.CutPrefix(r.Path, ownFile); ok && r.Host == "github.com" {
				fetched = append(fetched, file)
			}
		}
		slices.Sort(fetched)
		if !slices.Equal(fetched, test.fetched) {
			t.Errorf("%s: it fetched %v, want %v", name, fetched, test.fetched)
		}
	}
	approve(t, "v0.9.1", "0.9.1")
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	transport, err := world.Transport()
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(url, ownWeb) {
		t.Fatalf("%s answers %s: %v", url, resp.Status, err)
	}
	return content
}
