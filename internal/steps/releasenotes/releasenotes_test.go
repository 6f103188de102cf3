package releasenotes_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/ghapi"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/secret"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; -update writes it anew:\n%s", path, got)
	}
}

func refs(t *testing.T, texts ...string) []image.Ref {
	t.Helper()
	var refs []image.Ref
	for _, text := range texts {
		ref, err := image.ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return refs
}

func TestPublishesAnImageWithItsFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Images = w.push()
	cfg.Tags = refs(t, "ghcr.io/octocat/hello:latest", "ghcr.io/octocat/hello:1.2.3", "ghcr.io/octocat/hello:1.2", "octo/hello:1.2.3")
	cfg.Identity = "https://github.com/octocat/hello/.github/workflows/release.yml@refs/tags/v1.2.3"
	cfg.Issuer = "https://token.actions.githubusercontent.com"
	cfg.Files = append(cfg.Files, w.file("sbom-linux-amd64.spdx.json", "{ }"), w.file("sbom-linux-amd64.cdx.json", "[]"), w.file("sbom-linux-arm-v7.cdx.json", "[ ]"))
	result := w.mustRun(cfg)

	if writes := w.writes(); len(writes) != 7 || writes[0] != "POST /releases" || !strings.HasPrefix(writes[6], "PATCH /releases/") {
		t.Errorf("writes are %q, want the draft, 5 uploads, and the publication last", writes)
	}
	r := w.only()
	if r.Draft || r.Prerelease || r.Name != tag || len(r.Assets) != 5 {
		t.Errorf("release is %+v", r)
	}
	golden(t, "testdata/body.md", r.Body+"\n")
	golden(t, "testdata/summary.md", result.Summary())
	if result.URL != "https://github.com/octocat/hello/releases/tag/"+tag || result.ID == "" || !strings.Contains(result.UploadURL, "uploads.github.com") {
		t.Errorf("outputs are %+v", result)
	}
	var assets []ghapi.Asset
	if err := json.Unmarshal(result.Assets, &assets); err != nil || len(assets) != 5 || assets[0].Name != "one.txt" {
		t.Errorf("output assets is %s: %v", result.Assets, err)
	}
	var text strings.Builder
	if err := result.Print(&text); err != nil || !strings.HasPrefix(text.String(), "release v1.2.3 (published): https://") {
		t.Errorf("prints %q, %v", text.String(), err)
	}
}

func TestPrivateSigstoreIsInTheCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Images, cfg.Identity, cfg.Issuer, cfg.TrustedRoot = w.push(), "me", "https://issuer.example", w.file("trusted root.json", "{}")
	w.mustRun(cfg)
	if body := w.only().Body; !strings.Contains(body, "--trusted-root 'trusted root.json' \\\n") {
		t.Errorf("body lacks the trusted root:\n%s", body)
	}
}

func TestSecondRunWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Images = w.push()
	first := w.mustRun(cfg)
	second := w.mustRun(cfg)
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("writes %q", writes)
	}
	if string(first.Assets) != string(second.Assets) || first.URL != second.URL {
		t.Errorf("outputs differ: %s, %s", first.Assets, second.Assets)
	}
}

func TestKeepsWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Images = w.push()
	w.mustRun(cfg)
	r := w.only()
	w.api(http.MethodPatch, "/releases/"+id(r.ID), map[string]any{"name": "By hand", "body": "Before.\r\n\r\n" + r.Body + "\r\n\r\nAfter."}, nil)
	cfg.Tags = refs(t, "ghcr.io/octocat/hello:1.2.3")
	w.mustRun(cfg)
	got := w.only()
	if !strings.HasPrefix(got.Body, "Before.\r\n\r\n<!-- ") || !strings.HasSuffix(got.Body, "-->\r\n\r\nAfter.") || strings.Count(got.Body, "<!-- release-actions:begin") != 1 {
		t.Errorf("body is %q", got.Body)
	}
	if !strings.Contains(got.Body, "ghcr.io/octocat/hello:1.2.3") || got.Name != "By hand" || got.ID != r.ID {
		t.Errorf("release is %+v", got)
	}
}

func TestUsesADraftThatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	for range 2 {
		w.api(http.MethodPost, "/releases", map[string]any{"tag_name": tag, "draft": true, "body": "By hand.", "prerelease": true}, nil)
	}
	drafts := w.releases()
	cfg := w.config()
	w.mustRun(cfg)
	for _, r := range w.releases() {
		oldest := r.ID == min(drafts[0].ID, drafts[1].ID)
		if r.Draft == oldest {
			t.Errorf("release %d is a draft: %v; want the oldest alone published", r.ID, r.Draft)
		}
		if oldest && (r.Body != "By hand." || !r.Prerelease || len(r.Assets) != 2) {
			t.Errorf("release is %+v", r)
		}
	}
}

func TestBodyReplacesTheTextAroundTheSection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Images = w.push()
	cfg.BodyPath = w.file("notes.md", "First.")
	w.mustRun(cfg)
	cfg.BodyPath = w.file("notes.md", "Second.")
	w.mustRun(cfg)
	if body := w.only().Body; !strings.HasPrefix(body, "Second.\n\n<!-- release-actions:begin -->") || strings.Contains(body, "First.") {
		t.Errorf("body is %q", body)
	}
}

func TestReplacesOnlyTheAssetThatDiffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	w.mustRun(cfg)
	w.file("one.txt", "ONE")
	w.mustRun(cfg)
	// In a published release the new one is there before the old one goes.
	if writes := w.writes(); len(writes) != 3 || !strings.HasSuffix(writes[0], "/assets") ||
		!strings.HasPrefix(writes[1], "DELETE /releases/assets/") || !strings.HasPrefix(writes[2], "PATCH /releases/assets/") {
		t.Errorf("writes %q, want one asset replaced", writes)
	}
	if names := w.assets(); !slices.Equal(names, []string{"one.txt", "two.json"}) {
		t.Errorf("assets are %q", names)
	}
}

func TestDraftStaysADraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := w.config()
	cfg.Draft = true
	if result := w.mustRun(cfg); !w.only().Draft || !strings.Contains(result.Summary(), "draft") {
		t.Errorf("release is %+v", w.only())
	}
	cfg.Draft = false
	w.mustRun(cfg)
	cfg.Draft = true
	w.mustRun(cfg)
	if w.only().Draft {
		t.Error("a published release is a draft again")
	}
}

func TestPrereleaseFollowsTheVersionUnlessGiven(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tag   string
		given releasenotes.Prerelease
		want  bool
	}{
		{"v2.0.0-rc.1", "", true},
		{"v2.0.0-rc.1", "auto", true},
		{"v2.0.0-rc.1", "false", false},
		{"v2.0.0", "", false},
		{"v2.0.0", "true", true},
		{"nightly/today", "", false},
	} {
		w := newWorld(t, github.Options{})
		w.api(http.MethodPost, "/git/refs", map[string]string{"ref": "refs/tags/" + test.tag, "sha": commit}, nil)
		cfg := w.config()
		cfg.Tag, cfg.Prerelease = "refs/tags/"+test.tag, test.given
		w.mustRun(cfg)
		var all []ghapi.Release
		w.api(http.MethodGet, "/releases", nil, &all)
		if len(all) != 1 || all[0].Tag != test.tag || all[0].Prerelease != test.want {
			t.Errorf("%s, prerelease %q: %+v", test.tag, test.given, all)
		}
	}
}

func TestAnOldLineDoesNotBecomeTheLatest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	w.api(http.MethodPost, "/releases", map[string]any{"tag_name": "v2.0.0"}, nil)
	cfg := w.config()
	w.mustRun(cfg)
	var latest ghapi.Release
	w.api(http.MethodGet, "/releases/latest", nil, &latest)
	if latest.Tag != "v2.0.0" {
		t.Errorf("the latest release is %s", latest.Tag)
	}
}

func TestImmutableReleases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{ImmutableReleases: true})
	cfg := w.config()
	w.mustRun(cfg)
	w.mustRun(cfg)
	w.file("one.txt", "ONE")
	_, err := w.run(cfg)
	if err == nil || !strings.Contains(err.Error(), `asset "one.txt" is missing or different`) || len(hint.Of(err)) == 0 {
		t.Errorf("error is %v", err)
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("writes %q", writes)
	}
}

func TestAReadersTokenIsToldWhatToGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg, d := w.config(), w.deps()
	gh, err := ghapi.New(ghapi.Options{Repository: ghapi.Repository{Owner: "octocat", Name: "hello"}, Token: secret.New("ghs_reader"), Transport: w})
	if err != nil {
		t.Fatal(err)
	}
	d.GitHub = gh
	_, err = releasenotes.Run(t.Context(), cfg, d)
	if err == nil || !strings.Contains(err.Error(), "Resource not accessible by integration") ||
		!slices.ContainsFunc(hint.Of(err), func(h string) bool { return strings.Contains(h, `"contents: write" under "permissions:"`) }) {
		t.Errorf("error %v, hints %q", err, hint.Of(err))
	}
}
