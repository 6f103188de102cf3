//go:build e2e

package rehearsal_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/rehearsal"
)

// printedCommands runs the commands of a release page, word for word, in a folder
// with what a reader has: the keys of the Sigstore that signed, and further files
// by name. Each is run with every cosign that finds bundles. It returns how many
// commands there are of each program.
func printedCommands(t *testing.T, body string, further map[string]string) map[string]int {
	t.Helper()
	j := rehearsal.NewJudges(world.Env, "")
	dir := t.TempDir()
	root := world.Env["SIGSTORE_TRUSTED_ROOT"]
	writeFile(t, filepath.Join(dir, filepath.Base(root)), readFile(t, root))
	for name, text := range further {
		writeFile(t, filepath.Join(dir, name), text)
	}
	found := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^(cosign|gh|verify) (?:.*\\\n)*.*$`).FindAllStringSubmatch(body, -1) {
		command, program := m[0], m[1]
		found[program]++
		names := []string{program}
		if program == "cosign" {
			names = []string{"cosign2", "cosign3"}
		}
		for _, name := range names {
			// A function is what the shell takes for the program of that name.
			alias := program + `() { command ` + name + ` "$@"; }`
			if out, err := j.Shell(t.Context(), "cd "+dir+"\n"+alias+"\n"+command); err != nil {
				t.Errorf("%s refuses %s: %v\n%s", name, command, err, out)
			}
		}
	}
	return found
}

// TestReleasePage releases twice, with a new version of a package the second
// time, and holds what the page says against what is there.
func TestReleasePage(t *testing.T) {
	if err := world.BuildTools(t.Context(), "gh"); err != nil {
		t.Fatal(err)
	}
	s := stage(t, func(w string) string {
		return strings.Replace(w, "          short-description:", "          push-to-github: true\n          short-description:", 1)
	})
	succeed(t, s, rehearsal.Trial{Tag: "v7.0.0"})
	version, err := s.Bump(t.Context(), source, "golang.org/x/sys")
	if err != nil {
		t.Fatal(err)
	}
	out := succeed(t, s, rehearsal.Trial{Tag: "v7.1.0"})
	page := release(t, "v7.1.0")
	if len(page) != 1 || page[0].Draft {
		t.Fatalf("releases of v7.1.0: %+v", page)
	}
	body := page[0].Body
	for _, want := range []string{
		"docker pull ghcr.io/acme/hello:7.1.0\n", "docker pull docker.io/acme/hello@sha256:", "`7.1.0`, `7.1`, `7`, `latest`",
		"### Changes since `7.0.0`", "| `golang.org/x/sys` | `go-module` | `v0.29.0` | `" + version + "` | all |",
		"| platform | `go-module` | all |", "| linux/arm/v7 |", "`https://github.com/acme/hello/.github/workflows/release.yml@refs/tags/v7.1.0`",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "search.sigstore.dev") {
		t.Error("the page has links to the public log, which has nothing of it")
	}
	if !regexp.MustCompile(`(?m)^\| linux/arm64 \| \d.* [kM]B \| \d.* [kM]B \| (none|[+−].* k?B) \|$`).MatchString(body) {
		t.Errorf("the page doesn't tell how the image has grown:\n%s", body)
	}
	noCredential(t, "the release page", body)
	t.Run("printed commands work as printed", func(t *testing.T) {
		if n := printedCommands(t, body, nil); n["verify"] != 1 || n["cosign"] != 8 || n["gh"] != 2 {
			t.Errorf("the page has the commands %v:\n%s", n, body)
		}
	})
	t.Run("all that was signed is attached", func(t *testing.T) { attached(t, page[0], out.Log) })
	t.Run("a re-run changes nothing", func(t *testing.T) {
		succeed(t, s, rehearsal.Trial{Tag: "v7.1.0"})
		again := release(t, "v7.1.0")
		if len(again) != 1 || again[0].ID != page[0].ID || again[0].Body != body || len(again[0].Assets) != len(page[0].Assets) {
			t.Errorf("the release was\n%+v\nand is\n%+v", page, again)
		}
	})
}

// TestReleasePageOfLogVersion2 has cosign 2 told to take timestamps, since
// entries in logs of version 2 have no time.
func TestReleasePageOfLogVersion2(t *testing.T) {
	s := stage(t, func(w string) string {
		return strings.Replace(w, "          short-description:", "          rekor-version: 2\n          compare-to: ''\n          sections: pull, verify\n          short-description:", 1)
	})
	succeed(t, s, rehearsal.Trial{Tag: "v7.2.0"})
	page := release(t, "v7.2.0")
	if len(page) != 1 {
		t.Fatalf("releases: %+v", page)
	}
	if n := printedCommands(t, page[0].Body, nil); n["verify"] != 1 || n["cosign"] != 8 || strings.Count(page[0].Body, "--use-signed-timestamps") != 8 {
		t.Errorf("the page has the commands %v:\n%s", n, page[0].Body)
	}
	if strings.Contains(page[0].Body, "### Platforms") || strings.Contains(page[0].Body, "### Changes") {
		t.Errorf("the page has more than the sections that were chosen:\n%s", page[0].Body)
	}
}

// attached downloads all of a release's files, checks them by the list among
// them, and looks for a bundle of everything that the page links to.
func attached(t *testing.T, r githubRelease, log string) {
	t.Helper()
	dir := t.TempDir()
	bundles := 0
	for _, a := range r.Assets {
		writeFile(t, filepath.Join(dir, a.Name), download(t, a.URL))
		if strings.HasSuffix(a.Name, ".sigstore.json") {
			bundles++
		}
	}
	if want := 4 * (1 + len(platforms)); bundles != want {
		t.Errorf("%d bundles, want %d: %+v\n%s", bundles, want, r.Assets, log)
	}
	j := rehearsal.NewJudges(world.Env, "")
	if out, err := j.Shell(t.Context(), "cd "+dir+" && sha256sum -c --strict checksums.txt && test $(wc -l < checksums.txt) = $(($(ls | wc -l) - 1))"); err != nil {
		t.Errorf("checksums.txt: %v\n%s", err, out)
	}
	links := regexp.MustCompile(`\(https://github\.com/acme/hello/releases/download/v7\.1\.0/([^)]+)\)`).FindAllStringSubmatch(r.Body, -1)
	if len(links) < bundles {
		t.Errorf("%d links to files, want %d at least", len(links), bundles)
	}
	for _, link := range links {
		if _, err := os.Stat(filepath.Join(dir, link[1])); err != nil {
			t.Errorf("the page links to a file that isn't there: %v", err)
		}
	}
}

// download returns what a browser would.
func download(t *testing.T, address string) string {
	t.Helper()
	transport, err := world.Transport()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, resp.Status, err)
	}
	return string(text)
}
