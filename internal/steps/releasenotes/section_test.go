package releasenotes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/release-actions/internal/devstack/standin/fault"
	"github.com/org/release-actions/internal/devstack/standin/github"
	"github.com/org/release-actions/internal/evidence"
	"github.com/org/release-actions/internal/evidence/evidencetest"
	"github.com/org/release-actions/internal/hint"
	"github.com/org/release-actions/internal/image"
	"github.com/org/release-actions/internal/intoto"
	"github.com/org/release-actions/internal/sigstore/sigstoretest"
	"github.com/org/release-actions/internal/steps/releasenotes"
)

// bundles signs an image, and says of it what predicate types tell, as workflow.
// It returns the files.
func bundles(t *testing.T, dir, workflow string, d image.Digest, predicateTypes ...string) (paths []string) {
	t.Helper()
	p := evidencetest.New(t).Publisher(t, workflow)
	id, err := p.Signer.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n, predicateType := range predicateTypes {
		statement := intoto.New(d, predicateType, json.RawMessage(`{"x":1}`))
		if predicateType == intoto.CosignSign {
			statement = intoto.Signature(d)
		}
		b, err := p.Sign(t.Context(), evidence.Claim{Digest: d, Statement: statement}, id)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%s.%d.sigstore.json", d.Hex(), n))
		if err := os.WriteFile(path, b.Content, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// described is a release of an image that was signed, catalogued and scanned.
func described(t *testing.T, w *world) releasenotes.Config {
	t.Helper()
	cfg := w.config()
	cfg.Images, cfg.Checksums = w.push(), true
	cfg.Tags = refs(t, "ghcr.io/octocat/hello:1.2.3", "octo/hello:1.2.3")
	cfg.Bundles = bundles(t, w.dir, evidencetest.Workflow, cfg.Images[0].Digest, intoto.CosignSign, intoto.CycloneDX)
	for text, counts := range map[string]*releasenotes.Counts{
		`{"linux/amd64":{"apk":12,"go-module":3},"linux/arm/v7":{"apk":11}}`: &cfg.Ecosystems,
		`{"linux/amd64":{"HIGH":1},"linux/arm/v7":{}}`:                       &cfg.Findings,
	} {
		if err := counts.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Changes = w.file("sbom-changes.json", fmt.Sprintf(`{"since":%q,"tag":"1.2.2","removedPlatforms":["linux/s390x"],"platforms":[
		{"platform":"linux/amd64","added":[],"removed":[],"changed":[{"ecosystem":"apk","name":"musl","from":["1"],"to":["2"]}]},
		{"platform":"linux/arm/v7","added":[{"ecosystem":"apk","name":"zlib","to":["1"]}],"removed":[],"changed":[{"ecosystem":"apk","name":"musl","from":["1"],"to":["2"]}]}]}`,
		cfg.Images[0]))
	return cfg
}

func TestDescribesWhatWasSignedAndFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := described(t, w)
	w.mustRun(cfg)
	body := w.only().Body
	for _, want := range []string{
		"cosign verify \\\n  --certificate-identity " + sigstoretest.Subject(evidencetest.Workflow), "verify-attestation --type cyclonedx", "-attestations cyclonedx",
		"](https://search.sigstore.dev/?logIndex=", "releases/download/v1.2.3/" + cfg.Images[0].Digest.Hex() + ".0.sigstore.json)",
		"| linux/amd64 | 12 | 3 | 15 |\n| linux/arm/v7 | 11 | 0 | 11 |", "| linux/amd64 | 0 | 1 | 0 | 0 | 0 |\n| linux/arm/v7 | 0 | 0 | 0 | 0 | 0 |",
		"### Changes since `1.2.2`\n\nGone: `linux/s390x`.", "| `musl` | `apk` | `1` | `2` | all |\n| `zlib` | `apk` |  | `1` | `linux/arm/v7` |",
		"| linux/arm64 | 119 B | 119 B | none |",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the section lacks %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "--certificate-github-workflow-repository") { // the identity is of that repository itself
		t.Errorf("the section asks for more than there is:\n%s", body)
	}
	if names := strings.Join(w.assets(), " "); !strings.Contains(names, ".1.sigstore.json") || !strings.Contains(names, "sbom-changes.json") || !strings.Contains(names, "checksums.txt") {
		t.Errorf("assets are %s", names)
	}
	w.mustRun(cfg)
	if writes := w.writes(); len(writes) > 0 || w.only().Body != body {
		t.Errorf("a second run writes %q", writes)
	}
}

// TestAsksForNothingTwice counts what the section costs: the index and the image
// of each platform.
func TestAsksForNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := described(t, w)
	cfg.Changes = ""
	w.mustRun(cfg)
	manifests := 0
	for _, r := range w.requests {
		if strings.HasPrefix(r, "GET /v2/") && strings.Contains(r, "/manifests/") {
			manifests++
		}
	}
	if manifests != 4 {
		t.Errorf("%d manifests were read, want the index and three images: %q", manifests, w.requests)
	}
}

func TestOthersBundlesAreNotDescribed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := described(t, w)
	cfg.Bundles = append(cfg.Bundles, bundles(t, t.TempDir(), "evil/app/.github/workflows/release.yml@refs/tags/v1.2.3", cfg.Images[0].Digest, intoto.SPDX, intoto.CosignSign, intoto.SLSAProvenance)[2])
	// Of another image.
	cfg.Bundles = append(cfg.Bundles, bundles(t, t.TempDir(), "evil/app/.github/workflows/release.yml@refs/tags/v1.2.3", image.Digest("sha256:"+strings.Repeat("0", 64)), intoto.CosignSign)...)
	w.mustRun(cfg)
	if body := w.only().Body; strings.Contains(body, "evil/app") || strings.Contains(body, "slsaprovenance1") {
		t.Errorf("the section has what somebody else signed:\n%s", body)
	}
	if !strings.Contains(w.log.String(), "somebody else signed it") {
		t.Errorf("the log says nothing of it:\n%s", &w.log)
	}
}

// TestAnEarlierReleaseThatIsPartlyGone has its index, and not its images.
func TestAnEarlierReleaseThatIsPartlyGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := described(t, w)
	if err := w.faults.Add(fault.Rule{Host: "index.docker.io", Path: "/v2/octo/hello/manifests/" + arm64, Status: http.StatusNotFound}); err != nil {
		t.Fatal(err)
	}
	cfg.Changes = w.file("sbom-changes.json", fmt.Sprintf(`{"since":%q,"platforms":[{"platform":"linux/amd64"}]}`, cfg.Images[1]))
	w.mustRun(cfg)
	if body := w.only().Body; !strings.Contains(body, "The packages are the same.") || strings.Contains(body, "size before") {
		t.Errorf("the section is\n%s", body)
	}
}

// arm64 is the digest of the image for linux/arm64 in the world.
const arm64 = "sha256:2a2fd0e33b84a1c1857e9bf8f03125f306cac0c0efd23bd10860057d8f69f3dd"

func TestAnEarlierReleaseThatIsGoneIsNoError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := described(t, w)
	cfg.Changes = w.file("sbom-changes.json", `{"since":"ghcr.io/octocat/hello@sha256:`+strings.Repeat("0", 64)+`","platforms":[{"platform":"linux/amd64"}]}`)
	w.mustRun(cfg)
	if body := w.only().Body; !strings.Contains(body, "The packages are the same.") || strings.Contains(body, "size before") {
		t.Errorf("the section is\n%s", body)
	}
	if !strings.Contains(w.log.String(), "doesn't tell how the image has grown") {
		t.Errorf("the log says nothing of it:\n%s", &w.log)
	}
}

// TestBadDescriptionsEndTheRunBeforeItBegins wants one error with its mend, and
// nothing written to GitHub.
func TestBadDescriptionsEndTheRunBeforeItBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	good := described(t, w)
	for want, edit := range map[string]func(*releasenotes.Config){
		`input "template": bad.tmpl:2: unclosed action`:              func(c *releasenotes.Config) { c.Layout.Template = w.file("bad.tmpl", "a\n{{.Tag") },
		`input "template": late.tmpl:1:2: executing "late.tmpl"`:     func(c *releasenotes.Config) { c.Layout.Template = w.file("late.tmpl", "{{.Version}}") },
		`input "template": open `:                                    func(c *releasenotes.Config) { c.Layout.Template = filepath.Join(w.dir, "missing.tmpl") },
		`input "sections": there is no section "pulls"`:              func(c *releasenotes.Config) { c.Layout.Sections = []string{"pulls"} },
		`one.txt" is no Sigstore bundle with a statement: invalid`:   func(c *releasenotes.Config) { c.Bundles = []string{w.file("one.txt", "one")} },
		`two.json" doesn't tell what has changed: it has no "since"`: func(c *releasenotes.Config) { c.Changes = w.file("two.json", "{}") },
	} {
		cfg := good
		edit(&cfg)
		_, err := w.run(cfg)
		if err == nil || !strings.Contains(err.Error(), want) || len(hint.Of(err)) != 1 {
			t.Errorf("got %v, hints %q, want %s", err, hint.Of(err), want)
		}
		if writes := w.writes(); len(writes) > 0 {
			t.Errorf("%s: writes %q", want, writes)
		}
	}
	for _, text := range []string{"", "12", `{"linux/amd64":12}`, `{"linux":{"apk":1}}`, `{"linux/amd64":{"apk":"1"}}`} {
		var c releasenotes.Counts
		if err := c.UnmarshalText([]byte(text)); err == nil || len(hint.Of(err)) == 0 {
			t.Errorf("%q: got %v, %v", text, c, err)
		}
	}
}

// TestForeignTextDoesNotEndTheSection has a package that is called like our mark.
func TestForeignTextDoesNotEndTheSection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := described(t, w)
	cfg.Changes = w.file("sbom-changes.json", fmt.Sprintf(`{"since":%q,"platforms":[{"platform":"linux/amd64","added":[
		{"ecosystem":"<!-- release-actions:end -->","name":"<!-- rel<!-- release-actions:end -->ease-actions:end -->","to":["<!-- release-actions:begin -->"]}]}]}`, cfg.Images[0]))
	cfg.Body = "Before."
	w.mustRun(cfg)
	body := w.only().Body
	w.mustRun(cfg)
	if again := w.only().Body; again != body || strings.Count(body, "<!-- release-actions:end -->") != 1 || !strings.HasSuffix(body, "<!-- release-actions:end -->") {
		t.Errorf("the text was\n%s\nand is\n%s", body, again)
	}
}

func TestAnOwnTemplateIsTheSection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Options{})
	cfg := described(t, w)
	cfg.Layout.Template = w.file("own.tmpl", "Signed by {{.Signer.Identity}}: {{(index .Images 1).Ref}}\n")
	w.mustRun(cfg)
	want := "<!-- release-actions:begin -->\nSigned by " + sigstoretest.Subject(evidencetest.Workflow) + ": docker.io/octo/hello:1.2.3\n<!-- release-actions:end -->"
	if body := w.only().Body; body != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
}
