package releasenotes_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

func TestChecksumsAreOfWhatIsDownloaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Files = append(cfg.Files, w.file("with space.txt", "s"))
	cfg.Checksums = true
	w.mustRun(cfg)
	downloads := t.TempDir()
	for _, a := range w.only().Assets {
		if err := os.WriteFile(filepath.Join(downloads, a.Name), []byte(w.download(a.Name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := exec.CommandContext(t.Context(), "sha256sum", "-c", "--strict", "checksums.txt")
	check.Dir = downloads
	out, err := check.CombinedOutput()
	if err != nil || string(out) != "one.txt: OK\ntwo.json: OK\nwith.space.txt: OK\n" {
		t.Errorf("%s%v", out, err)
	}
	w.mustRun(cfg)
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("the second run writes %q", writes)
	}
	cfg.Files = append(cfg.Files, w.file("Checksums.TXT", "mine"))
	if _, err := w.run(cfg); err == nil || len(hint.Of(err)) == 0 {
		t.Errorf("two files of one name: %v", err)
	}
}

func TestALongTextIsCutAtAHeadingAndAttached(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for n := range 200 {
		fmt.Fprintf(&text, "## Change %d\n\n%s\n\n```sh\n# no heading\n```\n\n", n, strings.Repeat("é", 1000))
	}
	for name, prepare := range map[string]func(*world, *releasenotes.Config){
		"alone":         func(*world, *releasenotes.Config) {},
		"with an image": func(w *world, cfg *releasenotes.Config) { cfg.Images = w.push() },
		"with marks in between": func(w *world, cfg *releasenotes.Config) {
			cfg.Images = w.push()
			cfg.Body = "Top.\n\n<!-- release-actions:begin --><!-- release-actions:end -->\n\n" + cfg.Body
		},
	} {
		w := newWorld(t, github.Options{})
		cfg := w.config()
		cfg.Body = text.String()
		prepare(w, &cfg)
		w.mustRun(cfg)
		body := w.only().Body
		note := "*GitHub takes 125,000 characters, so the text is cut here. [All of it](https://github.com/octocat/hello/releases/download/v1.2.3/release-notes.md) is attached.*"
		head, rest, ok := strings.Cut(body, "\n\n"+note)
		if n := utf8.RuneCountInString(body); !ok || n > 125_000 || n < 120_000 {
			t.Errorf("%s: %d characters, with the note: %v", name, n, ok)
		}
		if !strings.HasSuffix(head, "é\n\n```sh\n# no heading\n```") || strings.Contains(rest, "é") {
			t.Errorf("%s: is cut at %q", name, head[max(0, len(head)-60):])
		}
		if strings.Count(body, "## Container image") != min(len(cfg.Images), 1) {
			t.Errorf("%s: the section is not there once", name)
		}
		whole := w.download("release-notes.md")
		if !strings.Contains(whole, "## Change 199") || strings.Count(whole, "## Container image") != min(len(cfg.Images), 1) {
			t.Errorf("%s: %d bytes are attached", name, len(whole))
		}
		w.mustRun(cfg)
		if writes := w.writes(); len(writes) > 0 {
			t.Errorf("%s: the second run writes %q", name, writes)
		}
	}
}

func TestMoreAssetsThanGitHubTakesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Draft = true
	w.mustRun(cfg)
	for n := range 999 {
		cfg.Files = append(cfg.Files, w.file(fmt.Sprintf("more-%d", n), "x"))
	}
	_, err := w.run(cfg)
	if err == nil || !strings.Contains(err.Error(), "would have 1001 assets, and GitHub takes 1000") || len(hint.Of(err)) == 0 {
		t.Errorf("error is %v", err)
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("writes %q", writes)
	}
}

func TestAnInterruptedReplacementIsFinished(t *testing.T) {
	t.Parallel()
	for content, calls := range map[string][]string{
		"ONE": {"DELETE", "PATCH"},                   // the new one was uploaded, and not renamed
		"Old": {"DELETE", "POST", "DELETE", "PATCH"}, // what was uploaded is of a third run
	} {
		w := newWorld(t, github.Options{})
		cfg := w.config()
		w.mustRun(cfg)
		w.upload(w.only().ID, "one.txt.next", content, "text/plain")
		w.file("one.txt", "ONE")
		w.mustRun(cfg)
		var methods []string
		for _, request := range w.writes() {
			method, _, _ := strings.Cut(request, " ")
			methods = append(methods, method)
		}
		if names := w.assets(); !slices.Equal(methods, calls) || !slices.Equal(names, []string{"one.txt", "two.json"}) || w.download("one.txt") != "ONE" {
			t.Errorf("%s: calls %q leave %q", content, methods, names)
		}
	}
}

// TestACancelledRunFinishesAReplacement cancels a run when an old asset has just been
// deleted.
func TestACancelledRunFinishesAReplacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	w.mustRun(cfg)
	w.file("one.txt", "ONE")
	cfg.Body = "Text, which comes later."
	watch := w.watch(nil)
	ctx, cancel := context.WithCancel(t.Context())
	look := w.changed
	w.changed = func(request string) {
		look(request)
		if strings.HasPrefix(request, http.MethodDelete) {
			cancel()
		}
	}
	if _, err := releasenotes.Run(ctx, cfg, w.deps()); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	watch.check()
	if w.download("one.txt") != "ONE" {
		t.Error("the file isn't replaced")
	}
}

func TestAFileMayHaveTheNameOfAReplacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Files = append(cfg.Files, w.file("one.txt.next", "next"))
	w.mustRun(cfg)
	w.mustRun(cfg)
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("the second run writes %q", writes)
	}
	w.file("one.txt", "ONE")
	w.file("one.txt.next", "NEXT")
	w.mustRun(cfg)
	if names := w.assets(); !slices.Equal(names, []string{"one.txt", "one.txt.next", "two.json"}) || w.download("one.txt") != "ONE" || w.download("one.txt.next") != "NEXT" {
		t.Errorf("assets are %q", names)
	}
}

// TestAFullReleaseTakesReplacements replaces more files than there is room for beside them.
func TestAFullReleaseTakesReplacements(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Files = nil
	for n := range 995 {
		cfg.Files = append(cfg.Files, w.file(fmt.Sprintf("f%d", n), "x"))
	}
	w.mustRun(cfg)
	for n := range 20 {
		w.file(fmt.Sprintf("f%d", n), "y")
		if n < 5 {
			cfg.Files = append([]string{w.file(fmt.Sprintf("new%d", n), "z")}, cfg.Files...)
		}
	}
	w.mustRun(cfg)
	if names := w.assets(); len(names) != 1000 || w.download("f19") != "y" {
		t.Errorf("%d assets", len(names))
	}
}

func TestAUsedUpRateLimitSaysWhenToRunAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{RateLimit: 12})
	cfg := w.config()
	for n := range 20 {
		cfg.Files = append(cfg.Files, w.file(fmt.Sprint("f", n), "x"))
	}
	_, err := w.run(cfg)
	if err == nil || !strings.Contains(err.Error(), "the rate limit of the API is used up") || !strings.Contains(strings.Join(hint.Of(err), ""), "renewed at") {
		t.Errorf("error is %v, %q", err, hint.Of(err))
	}
}

// download returns the content of an asset of the only release.
func (w *world) download(name string) string {
	w.t.Helper()
	for _, a := range w.only().Assets {
		if a.Name != name {
			continue
		}
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, a.URL, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		return w.get(req)
	}
	w.t.Fatalf("there is no asset %q", name)
	return ""
}
